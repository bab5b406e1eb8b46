"""Wrong types, unknown keys, bounds: each with its place, all at once, with the nearest key."""

from __future__ import annotations

from typing import Any

import pytest

from hub.config import build
from hub.config.faults import did_you_mean, path_text


@pytest.mark.parametrize(
    ("document", "path", "suggestion"),
    [
        ({"job": {}}, "job", 'did you mean "jobs"?'),
        ({"jobs": {"poll_intervall": 5}}, "jobs.poll_intervall", 'did you mean "poll_interval"?'),
        ({"jobs": {"pollInterval": 5}}, "jobs.pollInterval", 'did you mean "poll_interval"?'),
        ({"jobs": {"recovery": {"max_atempts": 5}}}, "jobs.recovery.max_atempts", 'did you mean "max_attempts"?'),
        ({"jobs": {"queues": {"slow": {"limit": 1, "aging": 5}}}}, "jobs.queues.slow.aging", 'did you mean "ageing"?'),
        ({"cache": {"adapter": "memory", "prefx": ""}}, "cache.prefx", 'did you mean "prefix"?'),
        ({"adapters": {"a": {"type": "signalr", "pth": "/x"}}}, "adapters.a.pth", 'did you mean "path"?'),
        ({"adapters": {"a": {"type": "memory", "memory": 1}}}, "adapters.a.memory", None),
        ({"log": {"zzzzzz": 1}}, "log.zzzzzz", None),
        ({"http": {"outbound": {"allowed_host": []}}}, "http.outbound.allowed_host", 'did you mean "allowed_hosts"?'),
    ],
)
def test_unknown_keys(faults: Any, document: dict[str, Any], path: str, suggestion: str | None) -> None:
    found = faults(document)
    assert list(found) == [path]
    assert (found[path].message, found[path].suggestion) == ("unknown key", suggestion)


def test_half_a_character_is_told_as_it_is_written(faults: Any) -> None:
    route = {"name": "a", "from": "web", "handler": "h", "filter": "\ud800"}
    found = faults({"adapters": {"web": {"type": "http"}}, "routes": [route]})
    assert "\\ud800" in found["routes[0].filter"].message


@pytest.mark.parametrize("key", ["from_", "schema_", "with_"])
def test_the_names_in_python_are_no_keys(faults: Any, full: dict[str, Any], key: str) -> None:
    full["routes"][0][key] = {}
    assert faults(full)[f"routes[0].{key}"].suggestion == f'did you mean "{key[:-1]}"?'


def test_unknown_keys_in_lists_and_under_aliases(faults: Any, full: dict[str, Any]) -> None:
    full["routes"][2]["dedup_key"] = "payload.id"
    full["workflows"]["user_signup"]["steps"][1]["afetr"] = []
    full["auth"]["tokens"][0]["rol"] = "admin"
    found = faults(full)
    assert {path: fault.suggestion for path, fault in found.items()} == {
        "routes[2].dedup_key": 'did you mean "dedupe_key"?',
        "workflows.user_signup.steps[1].afetr": 'did you mean "after"?',
        "auth.tokens[0].rol": 'did you mean "role"?',
    }


@pytest.mark.parametrize(
    ("document", "path", "message"),
    [
        ({"jobs": []}, "jobs", "expected an object, got a list"),
        ({"jobs": {"enabled": "true"}}, "jobs.enabled", 'expected true or false, got text "true"'),
        ({"jobs": {"workers": "5"}}, "jobs.workers", 'expected a whole number, got text "5"'),
        ({"jobs": {"workers": 5.5}}, "jobs.workers", "expected a whole number, got the number 5.5"),
        ({"jobs": {"workers": True}}, "jobs.workers", "expected a whole number, got true"),
        ({"jobs": {"workers": 0}}, "jobs.workers", "must be at least 1, got the number 0"),
        ({"jobs": {"max_retries": None}}, "jobs.max_retries", "expected a whole number, got null"),
        ({"jobs": {"queues": {"a": "many"}}}, "jobs.queues.a", 'expected an object, got text "many"'),
        ({"jobs": {"queues": {"a": 0}}}, "jobs.queues.a.limit", "must be at least 1, got the number 0"),
        ({"http": {"port": 65_536}}, "http.port", "must be at most 65535, got the number 65536"),
        ({"http": {"port": 10**400}}, "http.port", "must be at most 65535, got a number"),
        ({"http": {"host": ""}}, "http.host", "must not be empty"),
        ({"handlers": "examples.orders"}, "handlers", 'expected a list, got text "examples.orders"'),
        ({"handlers": [5]}, "handlers[0]", "expected text, got the number 5"),
        ({"database": {"pool": 0}}, "database.pool", "must be at least 1, got the number 0"),
        ({"log": {"format": {}}}, "log.format", 'expected "text" or "json", got an object'),
        ({"adapters": {"a": {}}}, "adapters.a.type", "required, but missing"),
        ({"adapters": {"a": {"type": "kafka"}}}, "adapters.a.url", "required, but missing"),
        ({"adapters": {"a": 5}}, "adapters.a", "expected an object, got the number 5"),
        ({"adapters": {"a": {"type": ["kafka"]}}}, "adapters.a.type", "expected text, got a list"),
        ({"workflows": {"w": {"steps": []}}}, "workflows.w.steps", "must not be empty"),
        (
            {"schedules": {"s": {"handler": "h", "interval": "36000d"}}},
            "schedules.s.interval",
            "an interval is 68 years",
        ),
        (
            {"schedules": {"s": {"handler": "h", "interval": 60, "jitter": "367d"}}},
            "schedules.s.jitter",
            "a jitter is 366 days at most",
        ),
        (
            {"schedules": {"s": {"handler": "h", "interval": 60, "condition": " \n"}}},
            "schedules.s.condition",
            "a condition of blanks",
        ),
        (
            {
                "schedules": {
                    "s": {
                        "handler": "h",
                        "interval": 5,
                        "start_at": "2026-01-02T00:00Z",
                        "end_at": "2026-01-02T01:00+02",
                    }
                }
            },
            "schedules.s.end_at",
            "lies before start_at",
        ),
        (
            {"schedules": {"s": {"handler": "h", "interval": 5, "payload": ["\0"]}}},
            "schedules.s.payload[0]",
            "text with",
        ),
        ({"templates": {"t": {"handler": "h", "payload": {"\ud800": 1}}}}, "templates.t.payload", "a key with U+0000"),
        ({"handlers": ["a\ud800"]}, "handlers[0]", "text with a lone surrogate"),
        (
            {"resource_types": {"ai_agent": {"handler": ["agents.ai"]}}},
            "resource_types.ai_agent.handler",
            "expected text, got a list",
        ),
        ({"resource_types": {"ai_agent": {}}}, "resource_types.ai_agent.handler", "required, but missing"),
        (
            {"database": {"url": "oracle://host/db"}},
            "database.url",
            "expected an address that begins with sqlite:// or",
        ),
        ({"database": {"url": "sqlite://"}}, "database.url", "expected an address that begins with sqlite:// or"),
    ],
)
def test_wrong_types_and_bounds(faults: Any, document: dict[str, Any], path: str, message: str) -> None:
    found = faults(document)
    assert list(found) == [path]
    assert found[path].message.startswith(message)


@pytest.mark.parametrize(
    ("document", "path", "words"),
    [
        ({"routes": [{"name": "a/b", "from": "web", "handler": "h"}]}, "routes[0].name", "a name has letters"),
        ({"adapters": {"a b": {"type": "memory"}}}, 'adapters["a b"]', "a name has letters"),
        ({"handlers": ["examples/orders.py"]}, "handlers[0]", "the name of a Python module"),
        (
            {"auth": {"tokens": [{"name": "a", "role": "admin", "sha256": "abc"}]}},
            "auth.tokens[0].sha256",
            "64 hexadecimal",
        ),
        ({"resource_types": {"x": {"handler": "a b"}}}, "resource_types.x.handler", "must hold no space"),
        (
            {"http": {"outbound": {"allowed_networks": ["10.0.0.1/8"]}}},
            "http.outbound.allowed_networks[0]",
            "is no network",
        ),
    ],
)
def test_a_pattern_is_told_in_words(faults: Any, document: dict[str, Any], path: str, words: str) -> None:
    document.setdefault("adapters", {}).setdefault("web", {"type": "http"})
    assert words in faults(document)[path].message


def test_a_mistyped_choice_names_the_nearest(faults: Any) -> None:
    found = faults({"log": {"level": "warn"}, "database": {"migrate": "automatic"}})
    assert found["log.level"].message == 'expected "debug", "info", "warning" or "error", got text "warn"'
    assert found["log.level"].suggestion == 'did you mean "warning"?'


def test_all_faults_at_once(faults: Any, full: dict[str, Any]) -> None:
    """One of each kind in one file: structure, references, names and the environment are all reported together."""
    full["jobs"]["wrokers"] = 5
    full["jobs"]["lease"] = "soon"
    full["routes"][1]["from"] = "epr"
    full["routes"][3]["with"]["to"] = "erb"
    full["routes"][2]["map"] = "{"
    full["destinations"]["crm"]["secret"] = "in the clear"
    full["adapters"]["mes"]["enabled"] = True
    full["schedules"]["daily-report"]["interval"] = 60
    full["http"]["host"] = 5
    assert set(faults(full, {"MAX_RECOVERY_ATTEMPTS": "-1"})) == {
        "jobs.wrokers",
        "jobs.lease",
        "routes[1].from",
        "routes[3].with.to",
        "routes[2].map",
        "destinations.crm.secret",
        "adapters.mes.password",
        "schedules.daily-report.interval",
        "http.host",
        "environment MAX_RECOVERY_ATTEMPTS",
    }


def test_models_are_frozen() -> None:
    configuration = build({}, {})
    with pytest.raises(ValueError, match="frozen"):
        configuration.jobs.workers = 7


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), "(the whole file)"),
        (("routes", 0, "from"), "routes[0].from"),
        (("schedules", "daily-report", "cron"), "schedules.daily-report.cron"),
        (("adapters", "a.b", "type"), 'adapters["a.b"].type'),
        (("adapters", "\ud800\x1b[2J"), 'adapters["\\ud800\\u001b[2J"]'),
        (("$schema",), "$schema"),
    ],
)
def test_path_text(path: tuple[str | int, ...], text: str) -> None:
    assert path_text(path) == text


def test_did_you_mean() -> None:
    assert did_you_mean("worker", ["workers", "queues"]) == 'did you mean "workers"?'
    assert did_you_mean("banana", ["workers", "queues"]) is None
    assert did_you_mean("x", []) is None
