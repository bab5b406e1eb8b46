"""Any bytes become a payload that every database takes, or a refusal that says why."""

import base64
import json

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hub.errors import Rejected
from hub.ingest.decode import MALFORMED, REFUSED, Decoded, decode, parse_json

JSON = "application/json"


def refusal(body: bytes, content_type: str | None = JSON) -> Rejected:
    with pytest.raises(Rejected) as caught:
        decode(body, content_type)
    return caught.value


# --- JSON by the letter -------------------------------------------------------------------------------------------


def test_the_text_of_json_is_kept_as_it_came() -> None:
    body = b' {"b": 1.10, "a": 12345678901234567890123, "b": 2} '
    found = decode(body, "application/json; charset=utf-8")
    assert found.payload == body.decode()
    assert found.value == {"a": 12345678901234567890123, "b": 2}
    assert (found.contenttype, found.payloadencoding) == ("application/json; charset=utf-8", "text")


def test_a_byte_order_mark_before_json_is_dropped() -> None:
    assert decode(b'\xef\xbb\xbf{"a":1}', JSON).payload == '{"a":1}'


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_json_in_utf_16_is_refused_by_its_name(encoding: str) -> None:
    error = refusal('{"a": 1}'.encode(encoding))
    assert error.code == MALFORMED
    assert "UTF-16" in str(error)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"  \n",
        b"{",
        b'{"a": 1,}',
        b"{'a': 1}",
        b"NaN",
        b"-Infinity",
        b"[1] [2]",
        b'"\xff"',
        b'"\xed\xa0\x80"',  # a surrogate in UTF-8
        b'"a\x00b"',
        b'"\\ud800"',
        b'"\\udc00 turned round \\ud800"',
        b"\xef\xbb\xbf\xef\xbb\xbf1",
        b"a=1&b=2",
    ],
)
def test_what_is_announced_as_json_and_is_none_is_malformed(body: bytes) -> None:
    assert refusal(body).code == MALFORMED


def test_half_a_surrogate_pair_is_named() -> None:
    assert "half a surrogate pair" in str(refusal(b'{"cut": "\\uD83D"}'))
    assert "half a surrogate pair" not in str(refusal(b'["\\ud83d\\ude00", NaN]'))


@pytest.mark.parametrize(("body", "byte"), [(b'"\xff"', 1), (b'{"a": 1, "b": "xy\xff"}', 17), (b"\xff", 0)])
def test_what_is_not_utf8_is_told_with_its_place_in_the_body(body: bytes, byte: int) -> None:
    assert str(refusal(body)) == f"the body is not UTF-8 (byte {byte})"


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": "\\u0000"}',
        b'{"\\u0000": 1}',
        b'"\\\\\\u0000"',  # an escaped backslash, then the character
        b"1e999",
        b'{"a": -1e999}',
        b"9" * 5000,
        b"[" * 33 + b"]" * 33,
        b'{"a":' * 33 + b"1" + b"}" * 33,
        b"[" * 100_000 + b"]" * 100_000,
        b"[" * 500_000,
        b'{"a":' * 100_000,
    ],
    ids=lambda body: body[:12].decode(),
)
@pytest.mark.parametrize("content_type", [JSON, None, "text/plain", "application/vnd.example+json"])
def test_json_that_databases_or_handlers_cannot_hold_is_refused(body: bytes, content_type: str | None) -> None:
    assert refusal(body, content_type).code == REFUSED


@pytest.mark.parametrize(
    "body",
    [
        b'{"id": 7, "note": "cut \\ud83d"}',
        b'"\\udc00 turned round \\ud800"',
        b'{"id": 7, "celsius": NaN}',
        b" [1, -Infinity]",
        b'\xef\xbb\xbf[Infinity, "\\ud83d\\ude00"]',
    ],
)
@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded"])
def test_what_json_dumps_and_stringify_write_is_no_text_though_nothing_announced_it(
    body: bytes, content_type: str | None
) -> None:
    assert refusal(body, content_type).code == MALFORMED


@pytest.mark.parametrize(
    "body", [b"NaN", b"-Infinity", b"[WARN] NaN degrees", b'{"a": NaN', b'"NaN" and "\\ud800"', b"{" * 50_000 + b"NaN"]
)
def test_a_text_that_only_begins_like_it_is_a_text(body: bytes) -> None:
    assert decode(body).value == body.decode()


def test_the_escaped_text_of_an_escape_is_no_nul() -> None:
    assert decode(b'"\\\\u0000"', JSON).value == "\\u0000"


def test_32_levels_are_taken_and_brackets_in_texts_do_not_count() -> None:
    assert decode(b"[" * 32 + b"]" * 32, JSON).payloadencoding == "text"
    assert decode(json.dumps({"a": "[" * 1000, "b": [[]] * 100}).encode(), JSON).value["a"] == "[" * 1000


def test_the_depth_is_a_setting() -> None:
    assert decode(b"[[]]", JSON, 2).value == [[]]
    with pytest.raises(Rejected):
        decode(b"[[[]]]", JSON, 2)


# --- everything else ----------------------------------------------------------------------------------------------


def test_what_curl_calls_a_form_and_is_json_is_json() -> None:
    found = decode(b'{"id": 7}', "application/x-www-form-urlencoded")
    assert (found.value, found.contenttype) == ({"id": 7}, "application/json")


def test_a_form_is_text() -> None:
    found = decode(b"a=1&b=2", "application/x-www-form-urlencoded")
    assert found == Decoded("a=1&b=2", "a=1&b=2", "application/x-www-form-urlencoded")


@pytest.mark.parametrize("body", [b"\xff\xfea\x00", b"\x00", b"nul \x00 inside", b"\x80"])
def test_bytes_are_kept_to_the_last_one(body: bytes) -> None:
    found = decode(body)
    assert found.payloadencoding == "base64"
    assert base64.b64decode(found.payload or "") == body
    assert found.contenttype == "application/octet-stream"


def test_nothing_is_no_payload() -> None:
    assert decode(b"") == Decoded(None, None, "text/plain")


@pytest.mark.parametrize("content_type", ["x" * 256, "te\x00xt", "größe/x", "", "  ", "text/plain\r\nx: y"])
def test_a_content_type_that_fits_no_column_counts_as_none(content_type: str) -> None:
    assert decode(b"off", content_type).contenttype == "text/plain"


# --- any bytes ----------------------------------------------------------------------------------------------------

TYPES = st.sampled_from([None, JSON, "text/plain", "application/cloudevents+json", "application/x-www-form-urlencoded"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
BODIES = (
    st.binary(max_size=200)
    | st.text(max_size=100).map(lambda text: text.encode("utf-8", "surrogatepass"))
    | VALUES.map(lambda value: json.dumps(value).encode())
    | st.lists(
        st.sampled_from([b"[", b"{", b'"', b"\\u0000", b"\\ud800", b"1e999", b",", b"]", b"}", b"\x00", b":"])
    ).map(b"".join)
)


@given(BODIES, TYPES)
@example(b"\xef\xbb\xbf", None)
@example(b"[" * 10_000, None)
def test_any_bytes_end_as_a_storable_payload_or_a_typed_refusal(body: bytes, content_type: str | None) -> None:
    refused = None
    try:
        found = decode(body, content_type)
    except Rejected as error:
        refused = error
    if refused is not None:
        assert refused.code in (MALFORMED, REFUSED)
        assert refused.field == "payload"
        return
    assert len(found.contenttype) <= 255
    if found.payload is None:
        assert body == b""
    elif found.payloadencoding == "base64":
        assert base64.b64decode(found.payload, validate=True) == body
    else:
        assert "\0" not in found.payload
        assert found.payload.encode() == body.removeprefix(b"\xef\xbb\xbf")
        if found.value != found.payload:
            assert msgspec.json.decode(found.payload) == found.value


@given(VALUES)
def test_what_json_dumps_is_read_back_or_refused(value: object) -> None:
    text = json.dumps(value)
    try:
        found, kept = parse_json(text.encode())
    except Rejected:
        return
    assert kept == text
    assert json.loads(text) == found
