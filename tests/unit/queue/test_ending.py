"""How an error reads: its first line, and where the application was, not the hub."""

import json

from hub.errors import Permanent
from hub.handlers.outgoing import request
from hub.queue.ending import describe


def caught(call: object, *arguments: object) -> str:
    try:
        assert callable(call)
        call(*arguments)
    except Exception as error:
        error.__traceback__ = error.__traceback__.tb_next if error.__traceback__ else None  # this function is no part
        return describe(error)
    raise AssertionError("nothing was raised")


def refuse() -> None:
    raise Permanent("not for us\nat all")


def test_the_frames_are_those_of_the_application() -> None:
    first, *trace = caught(refuse).splitlines()
    assert first == "Permanent: not for us"
    assert "in refuse" in trace[0]
    assert caught(json.loads, "{").splitlines()[0].startswith("JSONDecodeError: ")


def test_what_the_hub_itself_refuses_needs_no_frames() -> None:
    assert caught(request, "id", "", None, None, {}) == "Permanent: handler: expected a text that is not empty"


def test_a_bug_of_the_hub_shows_where_it_is() -> None:
    assert "in describe" in caught(describe, None)
