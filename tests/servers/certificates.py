"""Certificates for servers of the tests: an authority, a server's certificate for 127.0.0.1 and localhost, a client's.

Invariant: made anew by openssl for whoever asks, valid for a day; nothing of it is kept in the tree.
"""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.servers.service import Unavailable

INSTALL = "openssl is not installed (Debian: apt-get install openssl)"


@dataclass(frozen=True)
class Certificates:
    """Paths of PEM files. `server_pem` holds the server's key (PKCS#8) and certificate in one file."""

    ca: Path
    server_certificate: Path
    server_key: Path
    server_pem: Path
    client_certificate: Path
    client_key: Path

    @classmethod
    def make(cls, folder: Path) -> Self:
        """Make all of them in `folder`. Raises Unavailable without openssl."""
        folder.mkdir(parents=True, exist_ok=True)
        ca, ca_key = folder / "ca.crt", folder / "ca.key"
        _openssl("req", "-x509", *_fresh(ca_key), "-days", "1", "-subj", "/CN=hub tests", "-out", str(ca))
        names = "subjectAltName=DNS:localhost,IP:127.0.0.1"
        server = _signed(folder, "server", ca, ca_key, "/CN=localhost", names)
        client = _signed(folder, "client", ca, ca_key, "/CN=hub", "extendedKeyUsage=clientAuth")
        pem = folder / "server.pem"
        pem.write_bytes(server[1].read_bytes() + server[0].read_bytes())
        return cls(ca, *server, pem, *client)


def _signed(folder: Path, name: str, ca: Path, ca_key: Path, subject: str, extension: str) -> tuple[Path, Path]:
    certificate, key, extensions = folder / f"{name}.crt", folder / f"{name}.key", folder / f"{name}.ext"
    extensions.write_text(extension + "\n")
    asked = folder / f"{name}.csr"
    _openssl("req", *_fresh(key), "-subj", subject, "-out", str(asked))
    authority = ["-CA", str(ca), "-CAkey", str(ca_key), "-CAcreateserial"]
    wanted = ["-in", str(asked), "-extfile", str(extensions), "-days", "1", "-out", str(certificate)]
    _openssl("x509", "-req", *authority, *wanted)
    return certificate, key


def _fresh(key: Path) -> list[str]:
    return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", str(key)]


def _openssl(*arguments: str) -> None:
    if shutil.which("openssl") is None:
        raise Unavailable(INSTALL)
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)
