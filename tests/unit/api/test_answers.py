"""Errors have one shape and the right status, whatever their text holds."""

import json

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from hub import errors
from hub.adapters.http.answers import HttpFault, json_answer, problem, problem_of, problem_of_aiohttp


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (errors.Rejected("no", code="payload-malformed"), 400, "payload-malformed"),
        (errors.Rejected("no", field="a"), 422, "rejected"),
        (errors.PayloadInvalid("no"), 422, "payload-invalid"),
        (errors.NotFound("no"), 404, "not-found"),
        (errors.AlreadyExists("no"), 409, "already-exists"),
        (errors.Conflict("no"), 409, "conflict"),
        (errors.Saturated("no", retry_after=2.4), 503, "saturated"),
        (errors.DatabaseUnavailable("host db-7, user hub"), 503, "database-unavailable"),
        (errors.TransactionConflict("no"), 503, "transaction-conflict"),
        (HttpFault(418, "teapot", "no", headers={"X": "y"}), 418, "teapot"),
    ],
)
def test_each_error_of_the_hub_is_an_answer(error: errors.HubError, status: int, code: str) -> None:
    answer = problem_of(error)
    assert answer is not None
    assert answer.status == status
    assert answer.content_type == "application/problem+json"
    found = json.loads(answer.body)  # type: ignore[arg-type]  # bytes here
    assert (found["status"], found["code"]) == (status, code)
    assert "db-7" not in found["detail"]
    assert (status == 503) is ("Retry-After" in answer.headers)


def test_a_bug_is_no_answer_of_the_hubs() -> None:
    assert problem_of(errors.LeaseLost("no")) is None


@pytest.mark.parametrize("error", [web.HTTPNotFound(), web.HTTPMethodNotAllowed("PUT", ["GET"]), web.HTTPForbidden()])
def test_aiohttps_errors_have_the_same_shape(error: web.HTTPException) -> None:
    answer = problem_of_aiohttp(error)
    assert answer.status == error.status
    assert answer.content_type == "application/problem+json"


@given(st.text(st.characters()), st.text(st.characters()))
def test_any_text_can_be_told(detail: str, field: str) -> None:
    found = json.loads(problem(422, "invalid", detail, field=field).body)  # type: ignore[arg-type]  # bytes here
    assert set(found) == {"type", "title", "status", "code", "detail", "field"}


def test_answers_are_not_kept_by_caches_nor_guessed_at_by_browsers() -> None:
    for answer in (json_answer({}), problem(404, "x", "y")):
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
