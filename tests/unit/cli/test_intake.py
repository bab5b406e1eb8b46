"""Where the payloads of `hub enqueue` and `hub publish` come from."""

from __future__ import annotations

import sys

import pytest
import typer

from hub.cli.intake import Source


@pytest.mark.parametrize(("payload", "lines"), [("-", False), ("-", True), (None, True)])
def test_a_closed_standard_input_is_told_as_that(
    monkeypatch: pytest.MonkeyPatch, payload: str | None, lines: bool
) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(typer.BadParameter, match="standard input is closed"):
        Source.chosen(payload, None, lines=lines)
