"""Kafka's errors in the hub's words: what may pass by itself, what somebody has to mend, and how.

Invariant: every text says who said no to what; none holds a password.
"""

from __future__ import annotations

import socket
import ssl

from aiokafka import errors

from hub.adapters.kafka.settings import Address
from hub.errors import HubError, Permanent, Transient

_DENIED = (
    errors.TopicAuthorizationFailedError,
    errors.GroupAuthorizationFailedError,
    errors.ClusterAuthorizationFailedError,
    errors.TransactionalIdAuthorizationFailed,
)
_NEVER_SENT = (
    errors.MessageSizeTooLargeError,
    errors.RecordListTooLargeError,
    errors.InvalidTopicError,
    errors.InvalidTimestampError,
    errors.PolicyViolationError,
    errors.UnsupportedForMessageFormatError,
)


def connection_fault(error: BaseException, host: str, port: int, address: Address) -> HubError:
    """Why one broker cannot be spoken to."""
    where, user = f"Kafka at {host}:{port}", address.username
    match error:
        case errors.SaslAuthenticationFailed():
            return Permanent(f"{where} refuses the password of {user!r}: check username, password and mechanism")
        case errors.UnsupportedSaslMechanismError():
            return Permanent(f"{where} does not know this mechanism: {error}".replace("Kafka broker", "it"))
        case errors.IllegalSaslStateError():
            return Permanent(f"{where} asks for no password on this port: take username out, or another port")
        case ssl.SSLCertVerificationError():
            return Permanent(f"{where} shows a certificate that is not trusted ({error.verify_message}): set tls.ca")
        case ssl.SSLError() if "WRONG_VERSION" in str(error) or "RECORD_LAYER" in str(error):
            return Permanent(f"{where} does not speak TLS on this port: use kafka:// without tls, or another port")
        case ssl.SSLError():
            return Permanent(f"{where}: TLS failed: {error.reason or error}; does it ask for a certificate (tls)?")
        case socket.gaierror():
            return Transient(f"{where}: the name cannot be resolved: {error.strerror}")
        case ConnectionRefusedError():
            return Transient(f"{where}: nobody listens there (connection refused)")
        case TimeoutError():
            return Transient(f"{where} does not answer")
        case errors.KafkaConnectionError() | ConnectionError() | EOFError():
            return Transient(f"{where} closed the connection{_hint(address)}")
    return fault(error, where)


def fault(error: BaseException, doing: str) -> HubError:
    """An error of a request as the hub's own."""
    match error:
        case HubError():
            return error
        case errors.KafkaError() if isinstance(error, _DENIED):
            return Permanent(f"{doing}: not allowed ({_text(error)}); the user needs another ACL")
        case errors.KafkaError() if isinstance(error, _NEVER_SENT):
            return Permanent(f"{doing}: the broker will never take it ({_text(error)})")
        case errors.InvalidSessionTimeoutError():
            return Permanent(
                f"{doing}: the broker does not take this session_timeout (its group.min.session.timeout.ms and "
                f"group.max.session.timeout.ms say what it takes)"
            )
        case errors.InconsistentGroupProtocolError():
            return Transient(f"{doing}: other members of the group share partitions out in another way; is it ours?")
        case TimeoutError():
            return Transient(f"{doing}: no answer in time")
    return Transient(f"{doing}: {_text(error)}")


def _text(error: BaseException) -> str:
    name, said = type(error).__name__, str(error).partition("\n")[0]
    return said[:300] if said.startswith((name, "[Error")) else f"{name}: {said[:300]}".rstrip(": ")


def _hint(address: Address) -> str:
    """A broker that is spoken to in the wrong way says nothing: it hangs up."""
    if not address.encrypted:
        return ": does this port expect TLS (kafkas://)?" if address.username else ": does it expect TLS or a password?"
    doubts = "is this its port for TLS (else kafka://, without tls)"
    return f": {doubts}?" if address.username else f": {doubts}, and does it expect a password?"
