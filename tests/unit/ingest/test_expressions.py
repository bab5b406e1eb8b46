"""Expressions answer values, truth and keys; what they cannot do is the message's fault, by name."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import Rejected
from hub.handlers.keys import fit_key
from hub.ingest.expressions import Expression, key_text


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("payload.total > `0`", True),
        ("payload.total", True),
        ("payload.zero", True),
        ("payload.missing", False),
        ("payload.no", False),
        ("payload.empty", False),
        ("payload.list", False),
        ("headers.kind == 'order' && topic_parts[1] == 'b'", True),
    ],
)
def test_truth_is_that_of_jmespath(text: str, wanted: bool) -> None:
    view = {
        "payload": {"total": 3, "zero": 0, "no": False, "empty": "", "list": []},
        "headers": {"kind": "order"},
        "topic_parts": ["a", "b"],
    }
    assert Expression(text, "filter").true(view) is wanted


@pytest.mark.parametrize(
    "text", ["sum(payload)", "length(`1`)", "max_by(payload, &a)", "join(',', payload)", "nope(@)"]
)
def test_what_a_function_refuses_names_the_expression(text: str) -> None:
    with pytest.raises(Rejected) as caught:
        Expression(text, "map").search({"payload": [{"a": 1}, {"a": "x"}, "text"]})
    assert caught.value.field == "map"
    assert caught.value.code == "expression-failed"


@pytest.mark.parametrize(
    ("value", "key"),
    [
        ("a", "a"),
        (7, "7"),
        (0, "0"),
        (1.5, "1.5"),
        (True, "true"),
        (["a", 1], '["a",1]'),
        ({"b": 1, "a": 2}, '{"a":2,"b":1}'),
        (None, None),
        (False, None),
        ("", None),
        ([], None),
    ],
)
def test_keys_are_text(value: object, key: str | None) -> None:
    assert key_text(value) == key


def test_a_key_that_does_not_fit_becomes_its_digest() -> None:
    assert fit_key("k" * 255) == "k" * 255
    assert fit_key("k" * 256) == hashlib.sha256(b"k" * 256).hexdigest()
    assert fit_key("k" * 256) != fit_key("k" * 257)


@given(st.text(st.characters()))
def test_any_key_fits_its_column(text: str) -> None:
    key = fit_key(text)
    assert len(key) <= 255
    assert "\0" not in key
    key.encode()
