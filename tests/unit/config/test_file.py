"""The file itself: missing, empty, a directory, in a wrong encoding, no JSON, or the same key twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.config import ConfigurationError, Fault, load
from hub.errors import HubError


def faults_in(path: Path, **environ: str) -> list[Fault]:
    with pytest.raises(ConfigurationError) as caught:
        load(path, environ)
    return caught.value.faults


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "configuration.json"


def test_missing(file: Path) -> None:
    assert faults_in(file) == [Fault(str(file), f"there is no file {file}", "hub init DIR writes one")]


def test_named_by_the_environment_and_missing(file: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(None, {"HUB_CONFIG": str(file)})
    assert [fault.path for fault in caught.value.faults] == ["environment HUB_CONFIG"]


def test_a_directory(tmp_path: Path) -> None:
    assert "is a directory" in faults_in(tmp_path)[0].message


def test_a_name_that_no_file_can_have() -> None:
    assert "cannot be read" in faults_in(Path("a\0b"))[0].message


@pytest.mark.parametrize("text", ["", " \n\t", "\ufeff"])
def test_empty(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")
    assert faults_in(file) == [Fault(str(file), "the file is empty", 'write {} for "all defaults"')]


def test_not_utf_8(file: Path) -> None:
    file.write_bytes('{"log": {"level": "info"}}'.encode("utf-16"))
    assert faults_in(file)[0].message == f"{file} is not UTF-8 text (byte 0)"


def test_a_byte_order_mark_is_no_fault(file: Path) -> None:
    file.write_text('{"log": {"level": "debug"}}', encoding="utf-8-sig")
    assert load(file, {}).log.level == "debug"


@pytest.mark.parametrize(
    ("text", "message", "suggestion"),
    [
        ('{\n  "log": {},\n}', "line ", "remove the trailing comma"),
        ('{\n  // the log\n  "log": {}\n}', "line 2, column 3: ", "JSON has no comments"),
        ("{\n  'log': {}\n}", "line 2, column 3: ", 'JSON wants double quotes: "'),
        ('{"log": {},', "line 1, column 12: ", None),
        ('{"log": {}', "line 1, column 11: ", None),
        ('{"log": {}} x', "line 1, column 13: extra data", None),
        ('{"jobs": {"lease": NaN}}', "the file holds NaN, which is no JSON number", None),
        ('{"jobs": {"lease": ' + "9" * 5000 + "}}", "the file holds a number of 5,000 digits", None),
        ("[" * 200_000, "the file is nested too deeply", None),
        ("[]", "expected an object", 'write {} for "all defaults"'),
        ('"text"', "expected an object", 'write {} for "all defaults"'),
    ],
)
def test_no_json(file: Path, text: str, message: str, suggestion: str | None) -> None:
    file.write_text(text, encoding="utf-8")
    [fault] = faults_in(file)
    assert fault.path == str(file)
    assert fault.message.startswith(message)
    assert fault.suggestion == suggestion


def test_a_key_twice(file: Path) -> None:
    file.write_text(
        '{"jobs": {"workers": 1, "workers": 2}, "routes": [{"name": "a", "name": "b", "name": "c"}],'
        ' "jobs": {"lease": 1, "lease": 2}}',
        encoding="utf-8",
    )
    repeated = [fault for fault in faults_in(file) if "more than once" in fault.message]
    assert [fault.path for fault in repeated] == ["jobs", "jobs.lease", "routes[0].name"]
    assert {fault.suggestion for fault in repeated} == {"keep one of them"}


def test_an_unusable_file_does_not_hide_the_environment_s_faults(file: Path) -> None:
    file.write_text("{", encoding="utf-8")
    assert [fault.path for fault in faults_in(file, MAX_WORKERS="many")] == [str(file), "environment MAX_WORKERS"]


def test_the_error_reads_as_a_list(file: Path) -> None:
    file.write_text('{"jobs": {"wrokers": 5, "lease": "x"}}', encoding="utf-8")
    with pytest.raises(HubError) as caught:
        load(file, {})
    assert str(caught.value) == (
        f"2 faults in the configuration ({file}):\n"
        '  jobs.lease: "x" is no duration (write it like "30s")\n'
        '  jobs.wrokers: unknown key (did you mean "workers"?)'
    )


def test_the_values_at_fault_are_not_chained_to_the_error(file: Path) -> None:
    """A traceback prints what an exception was raised from; the values in it may be secrets."""
    file.write_text('{"destinations": {"crm": {"url": "https://crm.example", "secret": 12345}}}', encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        load(file, {})
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert "12345" not in str(caught.value)
