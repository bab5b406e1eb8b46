"""What must agree across sections: names that exist, names used once, settings that exclude each other."""

from __future__ import annotations

from typing import Any

import pytest

from hub.config import Fault, build


def test_the_example_of_the_documentation_is_sound(full: dict[str, Any], secrets: dict[str, str]) -> None:
    build(full, secrets)


@pytest.mark.parametrize(
    ("where", "value", "path", "message", "suggestion"),
    [
        (("routes", 0, "from"), "wbe", "routes[0].from", 'there is no adapter "wbe"', 'did you mean "web"?'),
        (
            ("routes", 0, "queue"),
            "criticl",
            "routes[0].queue",
            'there is no queue "criticl"',
            'did you mean "critical"?',
        ),
        (
            ("routes", 3, "with", "to"),
            "erpp",
            "routes[3].with.to",
            'there is no adapter or destination "erpp"',
            'did you mean "erp"?',
        ),
        (
            ("routes", 0, "signature"),
            {"scheme": "paypal", "secrets": ["${env:CRM_SECRET}"]},
            "routes[0].signature.scheme",
            'there is no scheme "paypal"',
            "one of none, standard-webhooks, svix, github, stripe, slack, shopify",
        ),
        (
            ("schedules", "daily-report", "queue"),
            "slow",
            "schedules.daily-report.queue",
            'there is no queue "slow"',
            "name it in jobs.queues, with its limit",
        ),
        (
            ("resource_types", "ai_agent", "queue"),
            "slow",
            "resource_types.ai_agent.queue",
            'there is no queue "slow"',
            "name it in jobs.queues, with its limit",
        ),
        (
            ("workflows", "user_signup", "steps", 2, "queue"),
            "externals",
            "workflows.user_signup.steps[2].queue",
            'there is no queue "externals"',
            'did you mean "external"?',
        ),
        (
            ("workflows", "user_signup", "steps", 1, "after", 0),
            "create_usr",
            "workflows.user_signup.steps[1].after[0]",
            'there is no step "create_usr"',
            'did you mean "create_user"?',
        ),
        (
            ("workflows", "user_signup", "steps", 1, "name"),
            "create_user",
            "workflows.user_signup.steps[1].name",
            'two steps are named "create_user"',
            None,
        ),
        (
            ("routes", 1, "name"),
            "orders",
            "routes[1].name",
            '"orders" is the name of routes[0] too',
            "rename one of them",
        ),
        (("routes", 0, "drop"), True, "routes[0].drop", "a route that drops has no handler", "leave one of them out"),
        (
            ("routes", 3, "with"),
            {},
            "routes[3].with",
            "the handler publish needs a place to send to",
            '"with": {"to": "NAME"}',
        ),
        (
            ("routes", 3, "with", "to"),
            "web",
            "routes[3].with.to",
            '"web" takes requests in and sends nothing',
            "name a destination",
        ),
        (
            ("routes", 2, "with"),
            {},
            "routes[2].with",
            "the handler sql.execute needs a statement",
            '"with": {"statement": "INSERT INTO …"}',
        ),
        (
            ("routes", 3, "handler"),
            "http.request",
            "routes[3].with.to",
            '"erp" is an adapter; requests go to a destination',
            "or use publish",
        ),
        (
            ("adapters", "other"),
            {"type": "socketio", "path": "/signalr/"},
            "adapters.other.path",
            '"/signalr" is the path of live too',
            "give each its own",
        ),
        (
            ("destinations", "web"),
            {"url": "https://crm.example"},
            "destinations.web",
            "an adapter has this name too",
            "rename one of them",
        ),
        (
            ("schedules", "daily-report", "interval"),
            60,
            "schedules.daily-report.interval",
            "a schedule has either cron or interval, not both",
            "leave one of them out",
        ),
        (
            ("schedules", "daily-report", "cron"),
            None,
            "schedules.daily-report",
            "a schedule needs cron, interval or start_at",
            '"cron": "0 8 * * *", "interval": "5m" or, once, "start_at": "2031-01-01T08:00:00Z"',
        ),
        (
            ("jobs", "processes"),
            2,
            "jobs.processes",
            "SQLite takes one process for a file",
            "set it to 1, or use PostgreSQL",
        ),
        (
            ("database", "listen_url"),
            "postgresql://db.example/hub",
            "database.listen_url",
            "is for PostgreSQL, but the database is sqlite",
            "leave it out",
        ),
        (
            ("database", "transaction_timeout"),
            "4s",
            "database.transaction_timeout",
            "must be longer than transaction_warning",
            None,
        ),
        (("cache",), {"adapter": "redis"}, "cache.url", "required for redis, but missing", "redis://127.0.0.1"),
        (("cache", "adapter"), "memcached", "cache.url", "is no address of memcached", None),
        (
            ("jobs", "limits"),
            {"a.b": {"key": "payload.id"}},
            'jobs.limits["a.b"]',
            "a limit needs concurrency or rate",
            '"concurrency": 5 or "rate": 10',
        ),
        (
            ("routes", 1, "signature"),
            {"scheme": "none"},
            "routes[1].signature",
            "only HTTP requests are signed, the adapter is of type kafka",
            "leave it out",
        ),
        (
            ("routes", 0, "schema"),
            {"type": "objekt"},
            "routes[0].schema.type",
            "is no valid JSON Schema: 'objekt' is not valid under any of the given schemas",
            None,
        ),
    ],
)
def test_one_change_to_the_example(
    faults: Any, full: dict[str, Any], where: tuple[Any, ...], value: object, path: str, message: str, suggestion: str
) -> None:
    holder: Any = full
    for part in where[:-1]:
        holder = holder[part]
    holder[where[-1]] = value
    found = faults(full)
    assert found.pop(path) == Fault(path, message, suggestion)
    # A step that took another's name leaves those that waited for it without theirs.
    assert set(found) <= {"workflows.user_signup.steps[2].after[0]"}


@pytest.mark.parametrize("key", ["handler", "topic"])
def test_what_a_broker_s_route_needs(faults: Any, full: dict[str, Any], key: str) -> None:
    del full["routes"][1][key]
    assert list(faults(full)) == [f"routes[1].{key}"]


def test_a_route_may_drop_instead_of_having_a_handler(full: dict[str, Any], secrets: dict[str, str]) -> None:
    full["routes"].append({"name": "noise", "from": "plant", "topic": "#", "drop": True})
    assert build(full, secrets).routes[-1].drop


def test_the_queue_default_needs_no_entry() -> None:
    schedules = {"a": {"handler": "h", "cron": "* * * * *", "queue": "default"}}
    assert build({"schedules": schedules}, {}).schedules["a"].queue == "default"


def test_a_schedule_may_say_one_time_alone() -> None:
    schedules = {"a": {"handler": "h", "start_at": "2031-01-01T08:00:00Z"}}
    assert build({"schedules": schedules}, {}).schedules["a"].start_at is not None


def test_a_publish_may_go_to_a_destination(full: dict[str, Any], secrets: dict[str, str]) -> None:
    full["routes"][3]["with"]["to"] = "crm"
    build(full, secrets)


def test_an_alert_s_names(faults: Any, full: dict[str, Any]) -> None:
    full["alerts"] = {"down": {"metric": "adapter_down", "adapter": "epr", "to": "crn"}}
    found = faults(full)
    assert {path: fault.suggestion for path, fault in found.items()} == {
        "alerts.down.adapter": 'did you mean "erp"?',
        "alerts.down.to": 'did you mean "crm"?',
    }


def test_steps_that_wait_for_each_other(faults: Any, full: dict[str, Any]) -> None:
    full["workflows"]["user_signup"]["steps"][0]["after"] = ["process_subscription"]
    found = faults(full)
    assert list(found) == ["workflows.user_signup.steps"]
    assert found["workflows.user_signup.steps"].message == (
        'wait for each other: "create_user" after "process_subscription" '
        'after "create_organization" after "create_user"'
    )


def test_a_step_that_waits_for_itself_behind_a_sound_one(faults: Any) -> None:
    steps = [{"name": "a", "handler": "h"}, {"name": "b", "handler": "h", "after": ["a", "b"]}]
    assert (
        faults({"workflows": {"w": {"steps": steps}}})["workflows.w.steps"].message
        == 'wait for each other: "b" after "b"'
    )


def test_a_long_chain_of_steps_is_no_cycle() -> None:
    steps = [{"name": f"s{i}", "handler": "h", "after": [f"s{i - 1}"] if i else []} for i in range(2000)]
    assert len(build({"workflows": {"w": {"steps": steps}}}, {}).workflows["w"].steps) == 2000


# --- adapters of other packages ----------------------------------------------------------------------------------


def test_an_unknown_type_of_adapter(faults: Any) -> None:
    found = faults({"adapters": {"a": {"type": "kafak", "anything": 1}}})
    assert found == {
        "adapters.a.type": Fault("adapters.a.type", 'unknown type of adapter "kafak"', 'did you mean "kafka"?')
    }


def test_a_type_that_an_installed_package_offers(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "nats_adapter-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: nats-adapter\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text("[hub.adapters]\nnats = nats_adapter:Nats\n")
    monkeypatch.syspath_prepend(tmp_path)
    document = {"adapters": {"n": {"type": "nats", "enabled": False, "url": "nats://127.0.0.1", "settings": 5}}}
    adapter = build(document, {}).adapters["n"]
    assert (adapter.type, adapter.enabled) == ("nats", False)
    assert adapter.model_dump()["settings"] == {"url": "nats://127.0.0.1", "settings": 5}


# --- workers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("jobs", "workers"),
    [
        ({}, 5),
        ({"queues": {}}, 5),
        ({"queues": {"default": 3, "slow": {"limit": 4, "ageing": "1m", "rate": 2.5}}}, 7),
        ({"workers": 2, "queues": {"default": 3}}, 2),
        ({"workers": 9}, 9),
    ],
)
def test_resolved_workers(jobs: dict[str, Any], workers: int) -> None:
    assert build({"jobs": jobs}, {}).jobs.resolved_workers == workers


def test_a_queue_with_settings() -> None:
    queue = build({"jobs": {"queues": {"slow": {"limit": 4, "ageing": "1m", "rate": 2.5}}}}, {}).jobs.queues["slow"]
    assert (queue.limit, queue.ageing, queue.rate) == (4, 60.0, 2.5)


def test_the_reserve_comes_on_top_of_the_pool() -> None:
    assert build({"database": {"pool": 10}}, {}).database.connections == 13


@pytest.mark.parametrize("payload", [None, {}, {"tasks": []}, {"tasks": [{"name": "a"}]}, '{"tasks": []}'])
def test_a_schedule_of_tasks_says_which(faults: Any, payload: Any) -> None:
    schedule = {"handler": "system.tasks", "interval": 60, "payload": payload}
    found = faults({"schedules": {"night": schedule}})
    assert list(found) == ["schedules.night.payload"]
    assert found["schedules.night.payload"].message.startswith("no tasks: ")
