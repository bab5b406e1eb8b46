"""What the tests of the configuration share: a whole valid document, and the faults of a changed one."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from hub.config import ConfigurationError, Fault, build

Faults = Callable[..., dict[str, Fault]]

SECRETS = {"MES_PASSWORD": "mes-canary", "ORDERS_SECRET": "whsec_b3JkZXJzLWNhbmFyeQ==", "CRM_SECRET": "crm-canary"}

# The reference of the documentation as it stands, with a real digest where it has an ellipsis.
FULL = """
{
  "$schema": "./configuration.schema.json",
  "database": { "url": "sqlite:///data/hub.db" },
  "cache": { "adapter": "redis", "url": "redis://127.0.0.1:6379/0" },
  "log": { "level": "info", "format": "text" },
  "http": { "host": "127.0.0.1", "port": 8080 },
  "auth": { "tokens": [ { "name": "ci", "role": "operator",
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08" } ] },
  "jobs": {
    "enabled": true, "workers": 210, "poll_interval": 5, "max_retries": 3, "scheduler_check_interval": 60,
    "use_redis": false, "job_history_retention_days": 90, "enable_metrics": true,
    "queues": { "default": 100, "critical": 50, "scheduled": 25, "notification": 25, "external": 10 },
    "processes": 1, "lease": "30s", "shutdown_timeout": "30s",
    "recovery": { "enabled": true, "default_enabled": true, "check_interval": 300, "max_attempts": 3 }
  },
  "handlers": [ "examples.orders" ],
  "adapters": {
    "erp":     { "type": "kafka",    "url": "kafka://127.0.0.1:9092", "group": "hub", "enabled": false },
    "plant":   { "type": "mqtt",     "url": "mqtt://127.0.0.1:1883", "client_id": "hub-1", "enabled": false },
    "mes":     { "type": "activemq", "url": "stomp://127.0.0.1:61613", "username": "hub",
                 "password": "${env:MES_PASSWORD}", "enabled": false },
    "live":    { "type": "signalr",  "path": "/signalr" },
    "browser": { "type": "socketio", "path": "/socket.io" },
    "web":     { "type": "http" }
  },
  "routes": [
    { "name": "orders", "from": "web", "handler": "order.processing", "queue": "critical", "priority": 5,
      "max_retries": 5, "signature": { "scheme": "standard-webhooks", "secrets": [ "${env:ORDERS_SECRET}" ] } },
    { "name": "placed", "from": "erp", "topic": "orders.placed", "handler": "order.processing",
      "filter": "payload.total > `0`", "map": "{id: payload.id, total: payload.total}",
      "dedupe_key": "payload.id", "ordering_key": "key" },
    { "name": "telemetry", "from": "plant", "topic": "plant/+/temperature", "handler": "sql.execute",
      "with": { "statement": "INSERT INTO readings (machine, celsius) VALUES (:machine, :celsius)" },
      "map": "{machine: topic_parts[1], celsius: payload.value}" },
    { "name": "forward", "from": "mes", "topic": "/queue/finished", "handler": "publish",
      "with": { "to": "erp", "topic": "finished" } }
  ],
  "destinations": { "crm": { "url": "https://crm.example/hooks", "secret": "${env:CRM_SECRET}", "timeout": "30s" } },
  "resource_types": { "ai_agent": { "handler": "agents.ai", "timeout": 600 },
                      "client_agent": { "handler": "agents.client", "timeout": 60 } },
  "schedules": { "daily-report": { "handler": "reports.daily.sales", "cron": "0 8 * * *", "timezone": "Europe/Paris",
                                   "misfire": "once" } },
  "workflows": { "user_signup": { "steps": [
    { "name": "create_user", "handler": "users.create" },
    { "name": "create_organization", "handler": "organizations.create", "after": [ "create_user" ] },
    { "name": "process_subscription", "handler": "subscriptions.process", "after": [ "create_organization" ],
      "queue": "external", "timeout": "5m" } ] } }
}
"""


@pytest.fixture
def full_text() -> str:
    return FULL


@pytest.fixture
def full() -> dict[str, Any]:
    """The whole example, without the one thing that this version refuses: a signature scheme that is not built."""
    document: dict[str, Any] = json.loads(FULL)
    del document["routes"][0]["signature"]
    return document


@pytest.fixture
def secrets() -> dict[str, str]:
    return dict(SECRETS)


@pytest.fixture
def faults() -> Faults:
    """`faults(document, environ)`: what is wrong with it, by place; it fails the test if nothing is."""

    def find(document: Mapping[str, Any], environ: Mapping[str, str] | None = None, **options: Any) -> dict[str, Fault]:
        with pytest.raises(ConfigurationError) as caught:
            build(copy.deepcopy(dict(document)), SECRETS if environ is None else environ, **options)
        by_place = {fault.path: fault for fault in caught.value.faults}
        assert len(by_place) == len(caught.value.faults), "one place, two faults"
        return by_place

    return find
