"""Payloads: what a program hands over comes back as it was, and nothing that stands in a row raises anything else."""

from __future__ import annotations

import base64
import contextlib
import json
import math
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from types import MappingProxyType
from typing import Annotated, Any, Literal, TypedDict
from uuid import UUID

import msgspec
import pydantic
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hub.errors import PayloadInvalid
from hub.handlers.decoder import decoder_for
from hub.handlers.payload import NotJson, encode, json_text, storable_json, untyped
from hub.model import Claim
from tests.unit.handlers.conftest import claim


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


@dataclass
class Line:
    article: str
    count: int = 1


@dataclass
class Order:
    id: int
    lines: list[Line] = field(default_factory=list)
    colour: Colour = Colour.RED


class OrderStruct(msgspec.Struct):
    id: int
    placed: datetime | None = None
    total: Decimal = Decimal(0)


class OrderDict(TypedDict):
    id: int
    tags: list[str]


class OrderModel(pydantic.BaseModel):
    id: int
    price: float = 0.0
    lines: list[Line] = []
    inner: OrderModel | None = None


@dataclass
class Mixed:
    """A pydantic model inside of a dataclass."""

    model: OrderModel
    note: str = ""


def as_claim(value: Any) -> Claim:
    payload, contenttype, encoding = encode(value)
    return claim(payload, contenttype=contenttype, payloadencoding=encoding)


def decoded(value: Any, annotation: Any) -> Any:
    return decoder_for(annotation)(as_claim(value))


def refused(payload: str | None, annotation: Any, **columns: Any) -> str:
    with pytest.raises(PayloadInvalid) as caught:
        decoder_for(annotation)(claim(payload, **columns))
    return str(caught.value)


# --- round trips -----------------------------------------------------------------------------------------------------

texts = st.text(st.characters(exclude_categories=["Cs"]))
scalars = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False) | texts
)
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(texts, inner), max_leaves=20)


@given(st.lists(values) | st.dictionaries(texts, values))
def test_what_json_can_hold_comes_back_to_a_handler_without_a_type(value: Any) -> None:
    found = untyped(as_claim(value))
    assert found == value
    assert json.loads(as_claim(value).payload or "") == value


@given(texts)
@example("123")
@example('{"id": 7}')
@example("a\0b")
def test_a_text_comes_back_to_a_handler_that_declares_str(text: str) -> None:
    sent = as_claim(text)
    assert decoder_for(str)(sent) == text
    assert "\0" not in (sent.payload or "")


@given(st.binary())
@example(b"\xff\xfe")
@example(b"a\0b")
@example(b'{"id": 7}')
def test_bytes_come_back_to_a_handler_that_declares_bytes(data: bytes) -> None:
    sent = as_claim(data)
    assert decoder_for(bytes)(sent) == data
    assert "\0" not in (sent.payload or "")


@given(st.builds(OrderStruct, st.integers(), st.none() | st.datetimes(timezones=st.just(UTC))))
def test_a_struct_comes_back(order: OrderStruct) -> None:
    assert decoded(order, OrderStruct) == order


@given(st.builds(Order, st.integers(), st.lists(st.builds(Line, texts, st.integers())), st.sampled_from(Colour)))
def test_a_dataclass_comes_back(order: Order) -> None:
    assert decoded(order, Order) == order


@pytest.mark.parametrize(
    ("value", "annotation"),
    [
        ({"id": 7, "tags": ["a"]}, OrderDict),
        (OrderModel(id=7, lines=[Line("nut", 2)], inner=OrderModel(id=8)), OrderModel),
        ([OrderModel(id=7)], list[OrderModel]),
        (OrderModel(id=7), OrderModel | None),
        (None, OrderModel | None),
        (None, Order | None),
        (Mixed(OrderModel(id=7), "x"), Mixed),
        ([1, 2], list[int]),
        ([1, "a"], tuple[int, str]),
        (7, int),
        (date(2026, 11, 22), date),
        (UUID(int=5), UUID),
        (Colour.BLUE, Colour),
        (Decimal("1.10"), Decimal),
        (MappingProxyType({"a": 1}), dict[str, int]),
        (None, None),
        (None, str | None),
        ("x", str | None),
        (b"\xff", str | bytes),
    ],
)
def test_values_of_every_kind_come_back(value: Any, annotation: Any) -> None:
    expected = tuple(value) if annotation == tuple[int, str] else value
    expected = dict(value) if isinstance(value, MappingProxyType) else expected
    assert decoded(value, annotation) == expected


def test_content_types_say_what_the_payload_is() -> None:
    assert encode({"a": 1}) == ('{"a":1}', "application/json", "text")
    assert encode('{"a": 1}') == ('{"a": 1}', "application/json", "text")
    assert encode("hello") == ("hello", "text/plain", "text")
    assert encode(b"hello") == ("hello", "text/plain", "text")
    assert encode(b"\xff") == ("/w==", "application/octet-stream", "base64")
    assert encode(None) == (None, "application/json", "text")


# --- the lenient end: handlers without a type ------------------------------------------------------------------------


@pytest.mark.parametrize("annotation", [Any, object])
@pytest.mark.parametrize(
    ("payload", "expected"), [("OFF", "OFF"), ("", ""), ("21.5", 21.5), ('"a"', "a"), ("[NaN]", "[NaN]"), (None, None)]
)
def test_a_handler_without_a_type_gets_json_or_else_the_text(
    payload: str | None, expected: Any, annotation: Any
) -> None:
    assert decoder_for(annotation)(claim(payload)) == expected


@pytest.mark.parametrize(
    ("payload", "annotation", "expected"),
    [
        ("OFF", Literal["ON", "OFF"], "OFF"),
        ("2026-11-22", date, date(2026, 11, 22)),
        ("00000000-0000-0000-0000-000000000005", UUID, UUID(int=5)),
        ("hello", Annotated[str, msgspec.Meta(max_length=5)], "hello"),
        ("red", Colour, Colour.RED),
    ],
)
def test_a_payload_that_is_not_json_counts_as_a_string(payload: str, annotation: Any, expected: Any) -> None:
    assert decoder_for(annotation)(claim(payload)) == expected


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("annotation", "payload", "words"),
    [
        (Order, '{"id": "x"}', ["payload.id", "int", "str"]),
        (Order, '{"id": 1, "lines": [{"article": "nut"}, {"article": 5}]}', ["payload.lines[1].article"]),
        (Order, "{}", ["id"]),
        (Order, '{"id": 1,', ["not JSON"]),
        (Order, "hello", ["not JSON"]),
        (Order, "[]", ["object", "array"]),
        (Order, "null", ["object", "null"]),
        (OrderStruct, '{"id": 1, "placed": "soon"}', ["payload.placed"]),
        (OrderDict, '{"id": 1}', ["tags"]),
        (dict, "hello", ["not JSON"]),
        (dict, "[]", ["object"]),
        (OrderModel, '{"id": "x"}', ["payload.id", "integer"]),
        (OrderModel, '{"id": 1, "lines": [{}]}', ["payload.lines[0].article"]),
        (OrderModel, '{"id": 1, "price": NaN}', ["not JSON"]),
        (OrderModel, "hello", ["not JSON"]),
        (Mixed, '{"model": {"id": "x"}}', ["payload.model", "id"]),
        (int, "1.5", ["int"]),
        (Literal["ON", "OFF"], "DIM", ["payload"]),
    ],
)
def test_a_payload_that_does_not_fit_is_refused_with_its_field(annotation: Any, payload: str, words: list[str]) -> None:
    message = refused(payload, annotation)
    assert message.startswith("payload")
    assert [word for word in words if word not in message] == [], message


NASTY = {
    "deep": "[" * 100_000 + "]" * 100_000,
    "deep objects": '{"id":' * 50_000 + "1" + "}" * 50_000,
    "huge number": "1e999",
    "huge integer": '{"id": ' + "1" * 5000 + "}",
    "lone surrogate": '{"id": "\ud800"}',
    "NaN": '{"id": NaN}',
    "Infinity": '{"id": -Infinity}',
    "escaped surrogate": '{"id": "\\ud800"}',
    "U+0000": '{"id": "\0"}',
    "BOM": '\ufeff{"id": 1}',
}


@pytest.mark.parametrize(
    "annotation", [Order, OrderStruct, OrderDict, OrderModel, Mixed, dict[str, int], list[int], int]
)
@pytest.mark.parametrize("payload", NASTY.values(), ids=NASTY.keys())
def test_nasty_payloads_are_refused_and_nothing_worse(payload: str, annotation: Any) -> None:
    assert len(refused(payload, annotation)) < 2000


@pytest.mark.parametrize("name", ["deep", "deep objects", "huge number", "huge integer", "lone surrogate"])
def test_what_nothing_can_hold_is_refused_without_a_type_too(name: str) -> None:
    assert refused(NASTY[name], Any).startswith("payload")


@given(st.text())
def test_whatever_the_text_a_typed_handler_gets_its_type_or_payload_invalid(text: str) -> None:
    for annotation in (Order, OrderModel, int, str, Any, date):
        with contextlib.suppress(PayloadInvalid):
            decoder_for(annotation)(claim(text))


@pytest.mark.parametrize("annotation", [Order, OrderModel, str, bytes, dict])
def test_base64_that_is_none_is_refused(annotation: Any) -> None:
    assert "base64" in refused("no base64!", annotation, payloadencoding="base64")


def test_base64_is_decoded_before_the_json_in_it() -> None:
    coded = base64.b64encode(b'{"id": 7}').decode()
    assert decoder_for(Order)(claim(coded, payloadencoding="base64")) == Order(7)
    assert decoder_for(OrderModel)(claim(coded, payloadencoding="base64")) == OrderModel(id=7)
    assert decoder_for(Any)(claim(coded, payloadencoding="base64")) == {"id": 7}


@pytest.mark.parametrize("annotation", [str, bytes, Order, OrderModel, dict, int])
def test_no_payload_is_refused_where_one_is_declared(annotation: Any) -> None:
    refused(None, annotation)


def test_values_of_a_refused_payload_do_not_show_in_the_message() -> None:
    for annotation in (Order, OrderModel):
        assert "hunter2" not in refused('{"id": "hunter2"}', annotation)


# --- what cannot be sent ---------------------------------------------------------------------------------------------


class Opaque:
    pass


def endless() -> list[Any]:
    inner: list[Any] = []
    inner.append(inner)
    return inner


def endless_model() -> OrderModel:
    model = OrderModel(id=1)
    model.inner = model
    return model


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"a": [1, math.nan]}, "nan"),
        (math.inf, "inf"),
        (Order(id=1, lines=[Line("nut", math.inf)]), "inf"),  # type: ignore[arg-type]  # on purpose
        (OrderModel(id=1, price=math.nan), "nan"),
        ({"a": Opaque()}, "Opaque"),
        (Opaque(), "Opaque"),
        (endless(), "within itself"),
        (endless_model(), "ircular"),
        ("\ud800", "surrogate"),
        ({"a": "\ud800"}, "surrogate"),
        ({"a": 10**5000}, "payload: a whole number of more than 4300 digits"),
        ({(1, 2): 3}, "tuple"),
    ],
)
def test_what_json_cannot_hold_is_refused_with_a_reason(value: Any, words: str) -> None:
    with pytest.raises(PayloadInvalid, match=words):
        encode(value)


def test_null_beside_ordinary_numbers_is_no_nan() -> None:
    assert json_text({"a": None, "b": 1.5, "c": "null"}) == '{"a":null,"b":1.5,"c":"null"}'


@pytest.mark.parametrize("text", ["\0", "a\\\0", "\\\\\0"])
def test_json_for_json_columns_refuses_the_zero_character(text: str) -> None:
    with pytest.raises(NotJson, match=r"U\+0000"):
        storable_json({"a": text})


@pytest.mark.parametrize("text", ["\\u0000", "\\\\u0000", "plain"])
def test_json_for_json_columns_takes_what_only_looks_like_it(text: str) -> None:
    assert json.loads(storable_json({"a": text})) == {"a": text}


def test_a_type_that_json_cannot_become_is_refused_when_it_is_declared() -> None:
    @dataclass
    class Holder:
        inner: list[dict[str, Opaque]]

    for annotation in (Opaque, list[Opaque], Holder, Opaque | None):
        with pytest.raises(TypeError, match="Opaque"):
            decoder_for(annotation)
