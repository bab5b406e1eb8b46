"""What went wrong, as an operator reads it: what happened, and what to do about it.

Invariant: no text holds a password.
"""

from __future__ import annotations

import socket
import ssl
from typing import Final

from hub.adapters.activemq.settings import PORTS, Host
from hub.errors import HubError, Permanent, Transient

_REFUSED: Final = (
    *("password is invalid", "access refused", "access denied", "authentication failed", "login failed"),
    "bad credentials",
)
_FORBIDDEN: Final = ("not authorized", "access refused", "access_refused", "permission denied")


def dial_fault(host: Host, error: OSError, secure: bool) -> HubError:
    """Why no connection came about."""
    match error:
        case ssl.SSLCertVerificationError():
            reason = (
                f"its certificate is not trusted ({error.verify_message}): set tls.ca to the authority that signed it"
            )
            return Permanent(f"{host}: {reason}, and use a host name that the certificate holds")
        case ssl.SSLError():
            reason = (error.reason or str(error)).replace("_", " ").lower()
            return Permanent(f"{host}: no TLS there ({reason}): is this the port for stomps:// ({PORTS['stomps']})?")
        case socket.gaierror():
            return Transient(f"{host}: no such host ({error.strerror}): check the name in url")
        case ConnectionRefusedError():
            return Transient(f"{host}: nobody listens there: is the broker running, and is this its STOMP port?")
        case TimeoutError() if secure:
            return Transient(
                f"{host}: no answer: is this the port for stomps:// ({PORTS['stomps']})? Else see firewalls"
            )
        case TimeoutError():
            return Transient(f"{host}: no answer: check the address, and firewalls on the way")
    return Transient(f"{host}: cannot be reached ({error.strerror or error})")


def login_closed(host: Host, fault: str | None, secure: bool, user: str | None, client_id: str | None) -> HubError:
    """The connection ended before CONNECTED, and no ERROR frame came."""
    if fault is not None and "STOMP" in fault:
        return Permanent(f"{host}: {fault}; ActiveMQ's port for it is usually {PORTS['stomp']}")
    tls = "" if secure else ", or a port that wants TLS (stomps://)"
    told = f"user {user!r}" if user else "no user"
    # ActiveMQ says so before it closes, which a busy machine may not get to read.
    other = f", or another connection has this client_id ({client_id!r})" if client_id else ""
    return Transient(
        f"{host}: closed the connection at log-in without a reason: most likely a wrong user name or password ({told})"
        f"{tls}{other}"
    )


def login_refused(host: Host, said: str) -> HubError:
    """An ERROR frame came instead of CONNECTED."""
    if any(word in said.lower() for word in _REFUSED):
        return Permanent(f"{host}: {said.rstrip('.')}: check username and password (and, with RabbitMQ, vhost)")
    if "already connected" in said.lower():
        return Transient(f"{host}: {said.rstrip('.')}: another connection has this client_id; only one may")
    return Transient(f"{host}: refused the connection: {said}")


def said(headers: dict[str, str], body: bytes) -> str:
    """What an ERROR frame says, as one line."""
    text = body.decode(errors="replace").strip()
    head = headers.get("message", "").strip()
    # ActiveMQ adds a Java stack trace: its first line names the class.
    first = text.splitlines()[0].strip() if text else ""
    if head and first and head not in first and not first.startswith(("java.", "jakarta.", "org.")):
        return f"{head} ({first})"[:500]
    return (head or first or "an error without a text")[:500]


def error_of(text: str) -> HubError:
    """What an ERROR frame in answer to one of our own means."""
    if any(word in text.lower() for word in _FORBIDDEN):
        return Permanent(f"the broker refuses: {text}")
    return Transient(f"the broker says: {text}")


def all_failed(faults: list[HubError]) -> HubError:
    """One error for every address that was tried; permanent when each of them is."""
    text = "; ".join(str(fault) for fault in faults)
    return Permanent(text) if all(isinstance(fault, Permanent) for fault in faults) else Transient(text)
