"""The two forms of the SignalR protocol: any message comes back as it went, however its bytes were split."""

import contextlib
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from hub.adapters.signalr.messages import (
    PING,
    Ack,
    CancelInvocation,
    Close,
    Completion,
    HubMessage,
    Invocation,
    ProtocolError,
    SequenceStart,
    StreamItem,
    as_json,
    plain,
)
from hub.adapters.signalr.protocol import CODECS, Codec

# Text that UTF-8 can carry; JSON of any depth that both forms know.
text = st.text(st.characters(codec="utf-8"), max_size=20)
ids = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=10,
)
numbers = st.integers(0, 2**53)


@st.composite
def invocations(draw: st.DrawFn) -> Invocation:
    stream = draw(st.booleans())
    return Invocation(
        target=draw(text),
        arguments=draw(st.lists(values, max_size=4)),
        invocation_id=draw(ids if stream else ids | st.none()),
        stream_ids=draw(st.lists(ids, max_size=3)),
        headers=draw(st.dictionaries(text, text, max_size=3)),
        stream=stream,
    )


messages: st.SearchStrategy[HubMessage] = st.one_of(
    invocations(),
    st.builds(StreamItem, ids, values),
    st.builds(Completion, ids, values),
    st.builds(Completion, ids, st.just(UNSET), text),
    st.builds(Completion, ids),
    st.builds(CancelInvocation, ids),
    st.just(PING),
    st.builds(Close, text | st.none(), st.booleans()),
    st.builds(Ack, numbers),
    st.builds(SequenceStart, numbers),
)


def simple(message: HubMessage | None) -> Any:
    """What the message says, JSON parsed."""
    found = msgspec.structs.asdict(message) if message is not None else {}
    for name in ("item", "result"):
        if name in found:
            found[name] = plain(found[name])
    if "arguments" in found:
        found["arguments"] = [plain(argument) for argument in found["arguments"]]
        found["stream_ids"] = list(found["stream_ids"])
    return type(message).__name__, found


@pytest.fixture(params=sorted(CODECS))
def codec(request: pytest.FixtureRequest) -> Codec:
    return CODECS[request.param]()


def cut_all(codec: Codec, pieces: list[bytes]) -> list[HubMessage | None]:
    buffer, searched, found = bytearray(), 0, []
    for piece in pieces:
        buffer += piece
        while True:
            message, searched = codec.cut(buffer, 1_000_000, searched)
            if message is None:
                break
            found.append(codec.decode(message))
    assert not buffer
    return found


@given(sent=st.lists(messages, min_size=1, max_size=4), size=st.integers(1, 50))
@pytest.mark.parametrize("name", sorted(CODECS))
def test_messages_come_back_as_they_went(name: str, sent: list[HubMessage], size: int) -> None:
    codec = CODECS[name]()
    data = b"".join(codec.encode(message) for message in sent)
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    assert [simple(message) for message in cut_all(codec, pieces)] == [simple(message) for message in sent]


@given(data=st.binary(max_size=60))
@pytest.mark.parametrize("name", sorted(CODECS))
def test_any_bytes_are_a_message_or_an_error(name: str, data: bytes) -> None:
    codec = CODECS[name]()
    # Anything else that is raised fails the test.
    with contextlib.suppress(ProtocolError):
        codec.decode(data)
    with contextlib.suppress(ProtocolError):
        codec.cut(bytearray(data), 50, 0)


def test_both_say_ping_as_everybody_does() -> None:
    assert CODECS["json"]().encode(PING) == b'{"type":6}\x1e'
    assert CODECS["messagepack"]().encode(PING) == b"\x02\x91\x06"


def test_a_result_of_nothing_is_no_result(codec: Codec) -> None:
    [void, null] = cut_all(codec, [codec.encode(Completion("1")), codec.encode(Completion("1", None))])
    assert isinstance(void, Completion)
    assert isinstance(null, Completion)
    assert void.result is UNSET
    assert plain(null.result) is None


def test_json_is_handed_on_to_the_letter() -> None:
    text = b'{"type":1,"target":"t","arguments":[ 1.50, 12345678901234567890123, {"a" : 1} ]}'
    message = CODECS["json"]().decode(text)
    assert isinstance(message, Invocation)
    assert [bytes(argument) for argument in message.arguments] == [b"1.50", b"12345678901234567890123", b'{"a" : 1}']


def test_the_limit_holds_before_the_end_is_there(codec: Codec) -> None:
    call = codec.encode(Invocation(target="t", arguments=["x" * 1000]))
    for part in (call, call[:900]):
        with pytest.raises(ProtocolError, match="maximum message size of 500B"):
            codec.cut(bytearray(part), 500, 0)


def test_times_and_bytes_of_messagepack_have_a_form_in_json() -> None:
    when = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert as_json([when, b"\xff", msgspec.msgpack.Ext(5, b"\x01")]) == b'["2026-01-02T03:04:05Z","/w==","AQ=="]'
    with pytest.raises(ProtocolError):
        as_json(object())
