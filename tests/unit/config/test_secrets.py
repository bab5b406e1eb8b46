"""Secrets come from references, and nothing that is shown holds one."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from hub.config import Configuration, build, load, masked
from hub.config.secrets import masked_url

CANARY = "c4n4ry"


@pytest.mark.parametrize(
    ("place", "section"),
    [
        ("destinations.crm.secret", {"destinations": {"crm": {"url": "https://a.example", "secret": CANARY}}}),
        (
            "destinations.crm.headers.Authorization",
            {"destinations": {"crm": {"url": "https://a.example", "headers": {"Authorization": f"Bearer {CANARY}"}}}},
        ),
        (
            "adapters.m.password",
            {"adapters": {"m": {"type": "activemq", "url": "stomp://h:1", "password": CANARY, "enabled": False}}},
        ),
        (
            "routes[0].signature.secrets[1]",
            {
                "adapters": {"web": {"type": "http"}},
                "routes": [
                    {
                        "name": "r",
                        "from": "web",
                        "handler": "h",
                        "signature": {"scheme": "none", "secrets": ["${env:S}", CANARY]},
                    }
                ],
            },
        ),
        (
            "routes[0].with.headers.X-Api-Key",
            {
                "adapters": {"web": {"type": "http"}},
                "routes": [{"name": "r", "from": "web", "handler": "h", "with": {"headers": {"X-Api-Key": CANARY}}}],
            },
        ),
        (
            "routes[0].with.token",
            {
                "adapters": {"web": {"type": "http"}},
                "routes": [{"name": "r", "from": "web", "handler": "h", "with": {"token": CANARY}}],
            },
        ),
        ("database.url", {"database": {"url": f"postgresql://hub:{CANARY}@127.0.0.1/hub"}}),
        ("database.url", {"database": {"url": f"postgresql://127.0.0.1/hub?user=hub&password={CANARY}"}}),
        ("cache.url", {"cache": {"adapter": "redis", "url": f"redis://:{CANARY}@127.0.0.1"}}),
    ],
)
def test_a_secret_in_the_clear(faults: Any, place: str, section: dict[str, Any]) -> None:
    found = faults(section, {"S": "x"})
    assert list(found) == [place]
    assert "in the clear" in found[place].message
    assert "${env:NAME}" in (found[place].suggestion or "")
    assert CANARY not in str(found)


def test_what_is_no_secret(full: dict[str, Any], secrets: dict[str, str]) -> None:
    """Names, ports and the author's own data are left alone, whatever they are called."""
    full["jobs"]["queues"]["token"] = 5
    full["adapters"]["secret"] = {"type": "memory"}
    full["schedules"]["daily-report"]["payload"] = {"token": "next-page"}
    full["routes"][0]["schema"] = {"properties": {"password": {"type": "string"}}, "required": ["password"]}
    full["database"]["url"] = "postgresql://hub@127.0.0.1:5432/hub?sslmode=disable"
    full["routes"][0]["with"] = {"url": "https://user@a.example/?page=5"}
    build(full, secrets)


def everything(tmp_path: Path) -> Configuration:
    (tmp_path / "key").write_text(f"{CANARY}-file\n")
    document = {
        "database": {"url": "postgresql://hub:${env:CANARY}@127.0.0.1/hub"},
        "cache": {"adapter": "redis", "url": "redis://:${env:CANARY}@127.0.0.1/0"},
        "adapters": {
            "web": {"type": "http"},
            "m": {"type": "mqtt", "url": "mqtt://127.0.0.1", "username": "${env:CANARY}", "password": "${env:CANARY}"},
        },
        "destinations": {
            "crm": {
                "url": "https://a.example",
                "secret": "whsec_${file:key}",
                "headers": {"Authorization": "Bearer ${env:CANARY}"},
            }
        },
        "routes": [
            {
                "name": "r",
                "from": "web",
                "handler": "h",
                "with": {"headers": [{"Authorization": "Bearer ${env:CANARY}"}]},
                "signature": {"scheme": "none", "secrets": ["${env:CANARY}"]},
            },
        ],
    }
    file = tmp_path / "configuration.json"
    file.write_text(json.dumps(document), encoding="utf-8")
    return load(file, {"CANARY": CANARY})


def test_secrets_are_there_for_those_who_use_them(tmp_path: Path) -> None:
    configuration = everything(tmp_path)
    assert configuration.database.url.get_secret_value() == f"postgresql://hub:{CANARY}@127.0.0.1/hub"
    crm = configuration.destinations["crm"]
    assert crm.secret is not None
    assert crm.secret.get_secret_value() == f"whsec_{CANARY}-file"
    assert crm.headers["Authorization"].get_secret_value() == f"Bearer {CANARY}"
    authorization = configuration.routes[0].with_["headers"][0]["Authorization"]
    assert authorization == f"Bearer {CANARY}"
    assert type(authorization) is str, "encoders and database drivers take no subclass"


def test_settings_travel_to_another_process(tmp_path: Path) -> None:
    settings = everything(tmp_path).routes[0].with_
    copy = pickle.loads(pickle.dumps(settings))  # noqa: S301 - made on this line
    assert copy == settings
    assert CANARY not in repr(copy)


def test_masked_shows_the_references(tmp_path: Path) -> None:
    shown = masked(everything(tmp_path))
    assert CANARY not in json.dumps(shown)
    assert shown["database"]["url"] == "postgresql://hub:${env:CANARY}@127.0.0.1/hub"
    assert shown["adapters"]["m"]["username"] == "${env:CANARY}"
    assert shown["destinations"]["crm"]["secret"] == "whsec_${file:key}"
    assert shown["routes"][0]["from"] == "web"
    assert shown["routes"][0]["with"] == {"headers": [{"Authorization": "Bearer ${env:CANARY}"}]}


def test_what_the_environment_overrides_is_masked() -> None:
    configuration = build({}, {"DATABASE_URL": f"postgresql://hub:{CANARY}@127.0.0.1/hub"})
    assert masked(configuration)["database"]["url"] == "postgresql://hub:***@127.0.0.1/hub"
    assert CANARY not in repr(configuration)


def test_nothing_that_prints_a_section_shows_a_secret(tmp_path: Path) -> None:
    configuration = everything(tmp_path)
    for section in (
        configuration.database,
        configuration.cache,
        configuration.destinations["crm"],
        configuration.routes[0],
    ):
        assert section is not None
        for shown in (repr(section), str(section), repr(section.model_dump()), section.model_dump_json()):
            assert CANARY not in shown


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://hub:c4n4ry@h/db", "postgresql://hub:***@h/db"),
        ("postgresql://hub:c4n/4@ry@h/db", "postgresql://hub:***@h/db"),
        ("redis://:c4n4ry@h", "redis://:***@h"),
        ("postgresql://h/db?sslpassword=c4n4ry&sslmode=disable", "postgresql://h/db?sslpassword=***&sslmode=disable"),
        ("postgresql://hub@h:5432/db", "postgresql://hub@h:5432/db"),
        ("kafka://a:9092,b:9092", "kafka://a:9092,b:9092"),
        ("sqlite:///data/hub.db", "sqlite:///data/hub.db"),
    ],
)
def test_masked_url(url: str, shown: str) -> None:
    assert masked_url(url) == shown
