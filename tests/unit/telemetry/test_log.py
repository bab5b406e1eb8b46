"""The log: one line an event, in either form, without secrets, and without touching anybody else's logging."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from hub.telemetry import always, configure_logging, get_logger, log
from hub.telemetry.log import mask


@pytest.fixture(autouse=True)
def _restore_logging(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    levels = {name: logging.getLogger(name).level for name in log._CHATTY}
    monkeypatch.setattr(log, "_configured", False)
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


def lines_of(format: Any, level: str = "info") -> io.StringIO:
    stream = io.StringIO()
    configure_logging(level, format, stream)
    return stream


def test_text_has_one_line_an_event_with_its_fields() -> None:
    stream = lines_of("text")
    get_logger("hub.test").info("job claimed", job="j-1", count=5)
    time, level, name, rest = stream.getvalue().split(maxsplit=3)
    assert time.endswith("Z")
    assert (level, name) == ("info", "hub.test")
    assert rest == "job claimed  job=j-1  count=5\n"


def test_json_has_one_object_an_event() -> None:
    stream = lines_of("json")
    get_logger("hub.test").warning("job failed", job="j-1", error={"code": "transient"})
    found = json.loads(stream.getvalue())
    assert found.pop("timestamp").endswith("Z")
    assert found == {
        "event": "job failed",
        "level": "warning",
        "logger": "hub.test",
        "job": "j-1",
        "error": {"code": "transient"},
    }


@pytest.mark.parametrize("format", ["text", "json"])
def test_records_of_the_standard_library_go_the_same_way(format: str) -> None:
    stream = lines_of(format)
    logging.getLogger("stranger").warning("%s of %s", 1, 2)
    assert "1 of 2" in stream.getvalue()
    assert "stranger" in stream.getvalue()


@pytest.mark.parametrize("format", ["text", "json"])
def test_tracebacks_are_told_without_the_values_of_variables(format: str) -> None:
    stream = lines_of(format)
    canary = "hunter" + "2"
    try:
        [][len(canary)]
    except IndexError:
        get_logger("hub.test").exception("went wrong")
        logging.getLogger("stranger").exception("went wrong too")
    text = stream.getvalue()
    assert text.count("IndexError: list index") == 2
    assert canary not in text


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error"])
def test_the_level_holds(level: str) -> None:
    stream = lines_of("json", level)
    for name in ("debug", "info", "warning", "error"):
        getattr(get_logger("hub.test"), name)(name)
    found = [json.loads(line)["event"] for line in stream.getvalue().splitlines()]
    assert found == ["debug", "info", "warning", "error"][["debug", "info", "warning", "error"].index(level) :]


@pytest.mark.parametrize("format", ["text", "json"])
def test_a_field_of_every_line_is_in_those_of_others_too(format: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "_always", {})
    stream = lines_of(format)
    always(process=2)
    get_logger("hub.test").info("ours")
    logging.getLogger("elsewhere").warning("theirs")
    ours, theirs = stream.getvalue().splitlines()
    field = "process=2" if format == "text" else '"process":2'
    assert field in ours
    assert field in theirs


def test_configuring_again_replaces_the_output() -> None:
    first, second = lines_of("text"), lines_of("text")
    get_logger("hub.test").info("once")
    assert first.getvalue() == ""
    assert second.getvalue().count("once") == 1


@pytest.mark.parametrize(("level", "format"), [("loud", "text"), ("info", "xml")])
def test_what_is_no_level_or_format_is_refused(level: str, format: Any) -> None:
    with pytest.raises(ValueError, match="expected"):
        configure_logging(level, format)


def test_a_value_cannot_write_a_line_of_its_own() -> None:
    stream = lines_of("text")
    get_logger("hub.test").info("taken", topic="a\n2026-01-01 error hub  forged", empty="", words="a b")
    assert stream.getvalue().count("\n") == 1
    assert "empty=''  words='a b'" in stream.getvalue()


@pytest.mark.parametrize("value", ["\ud800", object(), {("a", 1): 2}, {1, 2}, b"\xff"])
@pytest.mark.parametrize("format", ["text", "json"])
def test_any_value_can_be_told(format: str, value: Any, capsys: pytest.CaptureFixture[str]) -> None:
    stream = lines_of(format)
    get_logger("hub.test").info("odd", value=value)
    assert "odd" in stream.getvalue()
    assert "Logging error" not in capsys.readouterr().err


# --- secrets ---------------------------------------------------------------------------------------------------------

SECRETS = ["password", "DB_PASS", "api_token", "api-key", "apikey", "client_secret", "Authorization", "x-signature"]


@pytest.mark.parametrize("format", ["text", "json"])
@pytest.mark.parametrize("name", SECRETS)
def test_secrets_are_masked_by_their_names_however_deep(format: str, name: str) -> None:
    stream = lines_of(format)
    get_logger("hub.test").info("loaded", **{name: "hunter2"}, settings=[{"inner": {name: "hunter2"}}])
    assert "hunter2" not in stream.getvalue()
    assert stream.getvalue().count("***") == 2


@pytest.mark.parametrize("name", ["ordering_key", "dedupekey", "tokens_made", "passed", "key"])
def test_what_only_looks_like_a_secret_stays(name: str) -> None:
    assert mask({name: "value"}) == {name: "value"}


@pytest.mark.parametrize("format", ["text", "json"])
def test_passwords_in_addresses_are_masked_everywhere(format: str) -> None:
    stream = lines_of(format)
    address = "postgresql://hub:hunter2@db.example:5432/hub"
    get_logger("hub.test").info(f"connecting to {address}", url=address)
    logging.getLogger("stranger").warning("cannot reach %s", address)
    try:
        raise ConnectionError(f"refused: {address}")
    except ConnectionError:
        get_logger("hub.test").exception("away")
    assert "hunter2" not in stream.getvalue()
    assert stream.getvalue().count("//hub:***@db.example") == 4


# --- in another program ----------------------------------------------------------------------------------------------


def test_until_it_is_configured_the_logging_of_the_program_is_left_alone() -> None:
    script = """
import logging, sys
from hub.telemetry import get_logger
logger = get_logger("hub.test")
logger.info("quiet")
assert logging.getLogger().handlers == []
logging.basicConfig(level="INFO", format="%(name)s|%(message)s", stream=sys.stdout)
logger.info("job claimed", job="j-1", token="hunter2")
"""
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert found.stdout == "hub.test|job claimed  job=j-1  token=***\n"
    assert found.stderr == ""


def test_the_log_goes_to_standard_error() -> None:
    script = "from hub.telemetry import *; configure_logging(); get_logger('hub.test').info('here')"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert "here" in found.stderr
    assert found.stdout == ""
