"""Bodies and query strings: any input ends in values that fit, or in a 422 that names the field."""

from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st

from hub.adapters.http.answers import HttpFault
from hub.api.dead import RedriveRequest
from hub.api.payloads import convert
from hub.api.query import Query, fits
from hub.api.queue import JobRequest
from hub.api.resource_jobs import ResourceJobRequest

KNOWN = ("status", "handler", "since", "cursor", "limit")


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ({"handler": "h", "more": 1}, "more"),
        ({}, "handler"),
        ({"handler": 1}, "handler"),
        ({"handler": "h", "scheduledat": "x"}, "scheduledat"),
        (5, None),
    ],
)
def test_the_field_at_fault_is_named(value: Any, field: str | None) -> None:
    with pytest.raises(HttpFault) as caught:
        convert(value, JobRequest)
    assert (caught.value.status, caught.value.field) == (422, field)


def test_nested_fields_have_their_path() -> None:
    with pytest.raises(HttpFault) as caught:
        convert({"filter": {"more": 1}}, RedriveRequest)
    assert caught.value.field == "filter.more"
    with pytest.raises(HttpFault) as caught:
        convert({"ids": ["a", 2]}, RedriveRequest)
    assert caught.value.field == "ids[1]"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
FIELDS = st.dictionaries(
    st.sampled_from([*JobRequest.__struct_fields__, *ResourceJobRequest.__struct_fields__, "ids", "filter", "x"]), JSON
)


@given(JSON | FIELDS, st.sampled_from([JobRequest, RedriveRequest, ResourceJobRequest]))
def test_any_json_is_taken_or_refused(value: Any, kind: type) -> None:
    try:
        assert isinstance(convert(value, kind), kind)
    except HttpFault as fault:
        status = fault.status
    else:
        status = 422
    assert status == 422


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@given(st.lists(st.tuples(st.sampled_from([*KNOWN, "other"]), TEXT | st.integers().map(str)), max_size=4))
def test_any_query_string_is_taken_or_refused(pairs: list[tuple[str, str]]) -> None:
    from yarl import URL

    request = make_mocked_request("GET", str(URL("/api/queue").with_query(pairs)))
    found: list[Any] = []
    try:
        query = Query(request, KNOWN)
        found = [query.status(), query.text("handler"), query.instant("since"), query.cursor(), query.limit()]
    except HttpFault as fault:
        found = [fault.status]
    assert len(found) == 5 or found == [422]
    if len(found) == 5:
        assert 1 <= found[4] <= 200
        assert found[1] is None or fits(found[1])
