"""The files that ship, the documents' own examples, and the JSON Schema that editors use."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from hub.config import build, json_schema, json_schema_text, load

ROOT = Path(__file__).resolve().parents[3]
SHIPPED = ROOT / "config" / "configuration.json"
SCHEMA = Draft202012Validator(json_schema())


def test_the_shipped_file_loads_with_an_empty_environment() -> None:
    configuration = load(SHIPPED, {})
    assert configuration.jobs.enabled
    assert configuration.database.url.get_secret_value() == "sqlite:///data/hub.db"
    assert (configuration.http.host, configuration.http.port) == ("127.0.0.1", 8080)
    assert [route.name for route in configuration.routes] == ["orders", "live-orders", "browser-orders", "placed"]
    orders = configuration.routes[0]
    assert (orders.name, orders.from_, orders.handler, orders.signature) == ("orders", "web", "order.processing", None)
    assert set(configuration.resource_types) == {"ai_agent", "client_agent"}
    # Brokers are there to be turned on; their secrets are not asked for before.
    on = {name for name, adapter in configuration.adapters.items() if adapter.enabled}
    assert on == {"web", "live", "browser"}


def test_the_shipped_file_fits_the_schema() -> None:
    SCHEMA.validate(json.loads(SHIPPED.read_text(encoding="utf-8")))


def test_the_schema_is_current() -> None:
    written = (SHIPPED.parent / "configuration.schema.json").read_text(encoding="utf-8")
    assert written == json_schema_text(), "write it anew: hub schema > config/configuration.schema.json"


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(json_schema())


def test_the_documentation_s_example(full_text: str, secrets: dict[str, str]) -> None:
    document = json.loads(full_text)
    SCHEMA.validate(document)
    configuration = build(document, secrets)
    assert configuration.jobs.resolved_workers == 210
    assert configuration.routes[2].with_["statement"].startswith("INSERT INTO readings")
    assert configuration.routes[3].topic == "/queue/finished"
    steps = configuration.workflows["user_signup"].steps
    assert [(step.name, step.after, step.timeout) for step in steps] == [
        ("create_user", (), None),
        ("create_organization", ("create_user",), None),
        ("process_subscription", ("create_organization",), 300.0),
    ]


def test_the_documents_jobs_block() -> None:
    jobs = load(ROOT / "migrations" / "job_system_config_example.json", {}).jobs
    assert (jobs.enabled, jobs.resolved_workers, jobs.poll_interval, jobs.max_retries) == (True, 5, 5.0, 3)
    assert (jobs.scheduler_check_interval, jobs.use_redis, jobs.job_history_retention_days) == (60.0, True, 90)
    assert jobs.enable_metrics


def test_the_documents_defaults() -> None:
    jobs = build({}, {}).jobs
    assert (jobs.enabled, jobs.resolved_workers, jobs.poll_interval, jobs.max_retries) == (False, 5, 5.0, 3)
    assert (jobs.scheduler_check_interval, jobs.use_redis, jobs.job_history_retention_days) == (60.0, False, 90)
    assert not jobs.enable_metrics
    assert (jobs.recovery.enabled, jobs.recovery.default_enabled) == (True, True)
    assert (jobs.recovery.check_interval, jobs.recovery.max_attempts) == (300.0, 3)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("jobs", "wrokers"), 5),
        (("jobs", "workers"), "5"),
        (("jobs", "lease"), "soon"),
        (("jobs", "lease"), -1),
        (("jobs", "queues", "default"), 0),
        (("log", "level"), "warn"),
        (("http", "max_body"), "1 megabyte"),
        (("adapters", "erp", "grop"), "hub"),
        (("adapters", "erp", "url"), "http://127.0.0.1"),
        (("routes", 0, "from_"), "web"),
        (("routes", 0, "with"), []),
        (("auth", "tokens", 0, "sha256"), "abc"),
        (("database", "url"), "oracle://h"),
        (("workflows", "user_signup", "steps"), []),
    ],
)
def test_an_editor_marks_what_the_hub_refuses(
    faults: Any, full: dict[str, Any], path: tuple[Any, ...], value: object
) -> None:
    changed = copy.deepcopy(full)
    holder = changed
    for part in path[:-1]:
        holder = holder[part]
    holder[path[-1]] = value
    assert not SCHEMA.is_valid(changed)
    assert faults(changed)


def test_an_editor_takes_what_the_hub_takes(full: dict[str, Any], secrets: dict[str, str]) -> None:
    full["jobs"] |= {"lease": 0.5, "poll_interval": "500ms", "history_input": "64KiB", "dedupe_retention": "7d"}
    full["jobs"]["queues"]["slow"] = {"limit": 1, "ageing": "1m"}
    full["adapters"]["erp"]["url"] = "${env:ERP_URL}"
    full["schedules"]["often"] = {"handler": "h", "interval": "5m", "start_at": "2026-01-31T08:00:00Z"}
    SCHEMA.validate(full)
    build(full, secrets)


def test_another_package_s_adapter_is_no_fault_to_an_editor(full: dict[str, Any]) -> None:
    full["adapters"]["n"] = {"type": "nats", "url": "nats://127.0.0.1"}
    SCHEMA.validate(full)


def test_an_editor_has_something_to_say() -> None:
    definitions = json_schema()["$defs"]
    lease = definitions["Jobs"]["properties"]["lease"]["description"]
    assert lease == "How long a silent worker keeps its jobs and, at most 15 s, adapters that only one may connect."
    assert definitions["Route"]["properties"]["from"]["title"] == "From"
    assert all(definition["title"] for definition in definitions.values())


def test_loading_brings_in_no_server_and_no_database() -> None:
    """`hub check` and every other command pays for what this imports."""
    program = (
        "import sys, hub; before = set(sys.modules); import hub.config; hub.config.load(None, {});"
        "print(*{name.partition('.')[0] for name in set(sys.modules) - before})"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True, cwd=ROOT
    )
    assert "pydantic" in run.stdout.split()
    assert not {"aiohttp", "sqlalchemy", "asyncpg", "aiosqlite", "jsonschema"} & set(run.stdout.split())
