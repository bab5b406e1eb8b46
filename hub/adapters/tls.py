"""What `tls` says in an adapter's entry, and the context for its connections that follows.

Invariant: a server is verified unless it is said otherwise. The files are read anew at each call, so that a renewed
certificate is taken with the next connection.
"""

from __future__ import annotations

import ssl

import msgspec

from hub.errors import Permanent, Rejected


class Tls(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Paths of files in PEM. `ca` stands in for the system's authorities, `insecure` leaves the server unverified."""

    ca: str | None = None
    certificate: str | None = None
    key: str | None = None
    insecure: bool = False

    def context(self) -> ssl.SSLContext:
        """Verifies the server unless `insecure`. Raises Rejected, naming the file at fault."""
        try:
            context = ssl.create_default_context(cafile=self.ca)
        except (OSError, ssl.SSLError) as error:
            raise Rejected(f"{self.ca} cannot be used: {error}", field="tls.ca") from error
        try:
            if self.certificate is not None:
                context.load_cert_chain(self.certificate, self.key)
        except (OSError, ssl.SSLError) as error:
            key = self.key or "the key in it"
            raise Rejected(f"{self.certificate} cannot be used with {key}: {error}", field="tls.certificate") from error
        if self.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


def dialling(tls: Tls | None) -> ssl.SSLContext:
    """The context for a connection that is made now. Raises Permanent, naming the file at fault."""
    try:
        return (tls or Tls()).context()
    except Rejected as error:
        raise Permanent(f"{error.field}: {error}") from error
