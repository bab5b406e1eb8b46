"""What a broker's reason codes mean for the hub, in words that say what to do.

Invariant: pure. A code that will be the same next time is Permanent; everything else may pass.
"""

from __future__ import annotations

import socket
import ssl

from paho.mqtt.client import WebsocketConnectionError
from paho.mqtt.reasoncodes import ReasonCode

from hub.adapters.mqtt.settings import MqttSettings
from hub.errors import Permanent, Transient

UNSUPPORTED_VERSION, BAD_CLIENT_ID, BAD_PASSWORD, NOT_AUTHORIZED = 0x84, 0x85, 0x86, 0x87
TAKEN_OVER, PACKET_TOO_LARGE, QUOTA = 0x8E, 0x95, 0x97
_UNSPECIFIED, _PROTOCOL_ERROR, _BANNED, _BAD_METHOD, _BAD_FILTER, _BAD_TOPIC = 0x80, 0x82, 0x8A, 0x8C, 0x8F, 0x90
_BAD_FORMAT, _NO_RETAIN, _NO_QOS, _NO_SHARED, _NO_WILDCARD = 0x99, 0x9A, 0x9B, 0x9E, 0xA2

_LASTING = frozenset(
    [
        *(UNSUPPORTED_VERSION, BAD_CLIENT_ID, BAD_PASSWORD, NOT_AUTHORIZED, _BANNED, _BAD_METHOD, _BAD_FILTER),
        *(_BAD_TOPIC, PACKET_TOO_LARGE, _BAD_FORMAT, _NO_RETAIN, _NO_QOS, _NO_SHARED, _NO_WILDCARD),
    ]
)


def connecting(reason: ReasonCode, settings: MqttSettings, client_id: str) -> Permanent | Transient:
    """The broker's answer to CONNECT was a refusal."""
    broker, code = settings.address.text, reason.value
    username = settings.credentials[0]
    if code in (BAD_PASSWORD, NOT_AUTHORIZED):
        who = f"the user {username!r}" if username else "a client without a user name"
        text = f"the broker {broker} refuses {who} ({reason}): check username and password"
    elif code == UNSUPPORTED_VERSION:
        other = "3.1.1" if settings.five else "5"
        text = f'the broker {broker} does not speak MQTT {settings.version}: set "version" to "{other}"'
    elif code == BAD_CLIENT_ID:
        text = f"the broker {broker} refuses client_id {client_id!r}: choose another, of up to 23 letters and digits"
    elif settings.will is not None and code in (_BAD_TOPIC, _NO_RETAIN, _NO_QOS, PACKET_TOO_LARGE):
        text = f"the broker {broker} refuses the will message ({reason}): change its topic, qos or retain"
    else:
        text = f"the broker {broker} refuses the connection: {reason}"
    return Permanent(text) if code in _LASTING else Transient(text)


def unreachable(error: Exception, settings: MqttSettings) -> Permanent | Transient:
    """There was no connection over which the broker could have answered."""
    broker, address = settings.address.text, settings.address
    if isinstance(error, ssl.SSLCertVerificationError):
        return Permanent(
            f"the certificate of {broker} is not trusted ({error.verify_message}): "
            "name its authority in tls.ca, or correct the host in url"
        )
    if isinstance(error, ssl.SSLError):
        return Permanent(f"no TLS with {broker} ({error.reason or error}): is it the port for mqtts, and not for mqtt?")
    if isinstance(error, socket.gaierror):
        return Transient(f"the host {address.host!r} is not known ({error.strerror}): check url")
    if isinstance(error, WebsocketConnectionError):
        return Permanent(f"no websocket at {broker}{address.path}: check the path in url")
    if isinstance(error, ConnectionRefusedError):
        return Transient(f"nobody listens at {broker}: is the broker running?")
    if isinstance(error, ConnectionResetError):
        return unanswered(settings)
    if isinstance(error, TimeoutError):
        return Transient(f"no answer from {broker} within the time given: is the broker running?")
    return Transient(f"no connection to {broker}: {error}")


def unanswered(settings: MqttSettings) -> Transient:
    """The broker hung up instead of answering CONNECT."""
    hint = f'does it speak MQTT {settings.version} ("version")'
    if settings.address.secure:
        hint += ", is this its port for TLS, and does it ask for a certificate (tls.certificate)"
    else:
        hint += ", and is this not its port for TLS (mqtts://)"
    return Transient(f"the broker {settings.address.text} hung up without an answer: {hint}?")


def ended(reason: ReasonCode | None, said: bool, settings: MqttSettings, client_id: str) -> Transient:
    """A connection that had been made is over; `said`: the broker gave the reason itself."""
    broker = settings.address.text
    if said and reason is not None and reason.value == TAKEN_OVER:
        return Transient(
            f"another client uses client_id {client_id!r} at {broker} and has taken its session: "
            "give each adapter and each hub a client_id of its own"
        )
    if said and reason is not None:
        return Transient(f"the broker {broker} has ended the connection: {reason}")
    if reason is not None and reason.value == _PROTOCOL_ERROR:
        return Transient(f"the broker {broker} has sent what is no MQTT {settings.version}")
    # Not every broker says so when it gives a session to somebody else: Mosquitto 2.0.11 just hangs up.
    return Transient(
        f"the connection to {broker} was lost; if that repeats, another client may use client_id {client_id!r}"
    )


def subscribing(reason: ReasonCode, filter: str, settings: MqttSettings) -> Permanent | Transient:
    """The broker does not grant a subscription."""
    code, broker = reason.value, settings.address.text
    if code == NOT_AUTHORIZED or (code == _UNSPECIFIED and not settings.five):
        return Permanent(f"the broker {broker} does not let this user read {filter!r}: allow it in the broker's ACL")
    if code in (_NO_SHARED, _NO_WILDCARD):
        what = "shared subscriptions" if code == _NO_SHARED else "wildcards"
        return Permanent(f"the broker {broker} has no {what}: {filter!r} cannot be read")
    text = f"the broker {broker} does not subscribe {filter!r}: {reason}"
    return Permanent(text) if code in _LASTING else Transient(text)


def publishing(reason: ReasonCode, topic: str, settings: MqttSettings) -> Permanent | Transient:
    """The broker has not taken a message."""
    code, broker = reason.value, settings.address.text
    if code == NOT_AUTHORIZED:
        return Permanent(f"the broker {broker} does not let this user send to {topic!r}: allow it in the broker's ACL")
    text = f"the broker {broker} does not take the message to {topic!r}: {reason}"
    return Permanent(text) if code in _LASTING else Transient(text)
