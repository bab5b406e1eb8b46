"""${env:X} and ${file:P}: where they are looked up, what becomes of those that lead nowhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hub.config import Fault, build, load


def host(text: str, environ: dict[str, str]) -> str:
    return build({"http": {"host": text}, "auth": {"required": True}}, environ).http.host


def test_inside_any_text() -> None:
    assert host("${env:NAME}.example", {"NAME": "hub"}) == "hub.example"
    assert host("${env:A}${env:B}", {"A": "hub.", "B": "example"}) == "hub.example"
    assert build({"handlers": ["${env:PKG}.orders"]}, {"PKG": "shop"}).handlers == ("shop.orders",)


def test_what_a_reference_brings_in_is_no_reference() -> None:
    assert host("${env:A}", {"A": "${env:B}", "B": "x"}) == "${env:B}"


def test_the_escape_and_other_dollars() -> None:
    assert host("$${env:A}", {}) == "${env:A}"
    assert host("${name}-$A-$$", {}) == "${name}-$A-$$"


def test_a_variable_that_is_not_set(faults: Any) -> None:
    document = {"http": {"host": "${env:HUB_HOST}"}}
    assert faults(document, {}) == {
        "http.host": Fault("http.host", "the environment variable HUB_HOST is not set", "set HUB_HOST")
    }
    assert faults(document, {"HUB_HOTS": "x"})["http.host"].suggestion == 'did you mean "HUB_HOTS"?'


def test_an_unknown_kind(faults: Any) -> None:
    found = faults({"http": {"host": "${evn:A}"}}, {})
    assert found["http.host"] == Fault("http.host", 'unknown kind of reference "${evn:A}"', 'did you mean "env"?')


@pytest.mark.parametrize("kind", ["env", "file"])
def test_a_reference_that_names_nothing(faults: Any, kind: str) -> None:
    found = faults({"http": {"host": f"${{{kind}:}}"}}, {})
    assert found["http.host"] == Fault("http.host", f'"${{{kind}:}}" names nothing', f'"${{{kind}:NAME}}"')


def test_an_empty_secret_is_none(faults: Any) -> None:
    document = {"destinations": {"crm": {"url": "https://a.example", "secret": "${env:S}"}}}
    assert faults(document, {"S": ""})["destinations.crm.secret"].message == "must not be empty"
    signature = {"scheme": "none", "secrets": ["${env:S}"]}
    route = {"name": "r", "from": "web", "handler": "h", "signature": signature}
    signed = {"adapters": {"web": {"type": "http"}}, "routes": [route]}
    assert faults(signed, {"S": ""})["routes[0].signature.secrets[0]"].message == "must not be empty"


def write(folder: Path, document: object) -> Path:
    file = folder / "configuration.json"
    file.write_text(json.dumps(document), encoding="utf-8")
    return file


def test_a_file_lies_beside_the_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "conf" / "secrets").mkdir(parents=True)
    (tmp_path / "conf" / "secrets" / "host").write_bytes(b"127.0.0.1\r\n")
    absolute = tmp_path / "module"
    absolute.write_text("shop.orders", encoding="utf-8")
    file = write(tmp_path / "conf", {"http": {"host": "${file:secrets/host}"}, "handlers": [f"${{file:{absolute}}}"]})
    monkeypatch.chdir(tmp_path)
    configuration = load(Path("conf/configuration.json"), {})
    assert configuration.http.host == "127.0.0.1"
    assert configuration.handlers == ("shop.orders",)
    assert configuration.file == file.relative_to(tmp_path)


def test_files_that_cannot_be_read(tmp_path: Path, faults: Any) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    found = faults(
        {"handlers": ["${file:missing}", "${file:.}", "${file:binary}", "${file:}", "${file:a\0b}"]},
        {},
        file=tmp_path / "configuration.json",
    )
    assert [fault.message for fault in found.values()] == [
        'the file "missing" cannot be read: No such file or directory',
        'the file "." cannot be read: Is a directory',
        'the file "binary" is not UTF-8 text',
        '"${file:}" names nothing',
        'the file "a\\u0000b" cannot be read: no possible file name',
    ]
    assert found["handlers[0]"].suggestion == "the path is relative to the configuration file"


def test_a_failed_lookup_is_one_fault(faults: Any) -> None:
    """The text of the reference fits no pattern either; that is not the author's mistake."""
    document = {"auth": {"tokens": [{"name": "ci", "role": "admin", "sha256": "${env:DIGEST}"}]}}
    assert list(faults(document, {})) == ["auth.tokens[0].sha256"]


# --- disabled parts ----------------------------------------------------------------------------------------------


def test_disabled_parts_are_not_looked_up(full: dict[str, Any]) -> None:
    full["routes"][3]["with"]["token"] = "${env:NOWHERE}"
    full["schedules"]["daily-report"] |= {"enabled": False, "condition": "${env:NOWHERE}"}
    full["adapters"]["erp"]["url"] = "${env:NOWHERE}"
    configuration = build(full, {"CRM_SECRET": "x"})
    mes = configuration.adapters["mes"]
    assert not mes.enabled
    assert configuration.routes[3].with_["token"] == "${env:NOWHERE}"


def test_enabled_parts_are(faults: Any, full: dict[str, Any]) -> None:
    full["adapters"]["mes"]["enabled"] = True
    full["routes"][3]["with"]["token"] = "${env:NOWHERE}"
    assert list(faults(full, {"CRM_SECRET": "x"})) == ["adapters.mes.password", "routes[3].with.token"]


def test_a_disabled_part_is_checked_all_the_same(faults: Any, full: dict[str, Any]) -> None:
    full["adapters"]["erp"]["grop"] = "hub"
    full["adapters"]["plant"]["url"] = "http://127.0.0.1"
    assert list(faults(full)) == ["adapters.erp.grop", "adapters.plant.url"]
