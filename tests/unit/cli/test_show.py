"""How things look: ages, cells, and text that would like to drive the terminal."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from hub.cli import show

NOW = datetime(2026, 1, 31, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (59.9, "59s"),
        (60, "1m"),
        (3599, "59m"),
        (3600, "1h"),
        (7800, "2h 10m"),
        (86_400, "1d"),
        (1e7, "115d"),
    ],
)
def test_spans(seconds: float, text: str) -> None:
    assert show.span(seconds) == text
    assert show.age(NOW - timedelta(seconds=seconds), NOW) == text


def test_what_is_to_come_is_said_so() -> None:
    assert show.age(NOW + timedelta(minutes=5), NOW) == "in 5m"
    assert show.age(None, NOW) == ""


def test_a_time_without_end_has_an_age() -> None:
    assert show.age(datetime.max, NOW).startswith("in ")  # noqa: DTZ901 - so PostgreSQL's infinity is read


def test_what_is_no_time_is_shown_as_it_stands() -> None:
    assert [show.age("yesterday"), show.moment("yesterday"), show.age("\x1b[2J")] == [
        "yesterday",
        "yesterday",
        "\\x1b[2J",
    ]
    assert show.moment(datetime(2026, 1, 31, 9, tzinfo=UTC)).startswith("2026-01-31 09:00:00 UTC  (")


def test_an_error_is_shown_by_its_first_line() -> None:
    assert show.first_line("ValueError: x\n  at line 3") == "ValueError: x"
    assert len(show.first_line("x" * 500)) == 120
    assert show.first_line(None) == ""


def test_text_of_strangers_cannot_drive_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    evil = "\x1b[2J\x07[red]x[/]"
    show.output().print(show.table(["ID", "NOTE"], [[evil, evil]]))
    show.output().print(show.pairs([("name", evil)]))
    show.say("note:", evil)
    shown = capsys.readouterr()
    assert "\x1b" not in shown.out + shown.err
    assert "\x07" not in shown.out + shown.err
    assert "[red]x[/]" in shown.out  # no markup either


def test_what_is_no_terminal_gets_whole_lines(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [["a" * 60, "b" * 60, "c" * 60]]
    show.output().print(show.table(["A", "B", "C"], rows))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[1].split() == rows[0]


def test_an_output_that_cannot_hold_a_sign_gets_its_number() -> None:
    program = "from hub.cli import main, show; main.app = lambda **_: (show.print_json('é☃'), print('☃')); main.main()"
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    command = [sys.executable, "-c", program]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=30, env=environment, check=True)
    assert shown.stdout == '"\\u00e9\\u2603"\n\\u2603\n'


def test_unknown_statuses_are_shown_as_they_are() -> None:
    assert show.status_text(4).plain == "failed"
    assert show.status_text(99).plain == "99"
