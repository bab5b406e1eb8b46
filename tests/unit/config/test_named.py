"""What of a configuration names a handler."""

from hub.config.load import build
from hub.config.named import named_handlers


def test_a_limit_names_a_handler_as_a_route_does() -> None:
    document = {
        "jobs": {"limits": {"orders.place": {"rate": 5}}},
        "adapters": {"web": {"type": "http"}},
        "routes": [{"name": "in", "from": "web", "handler": "orders.note"}],
    }
    assert list(named_handlers(build(document, {}))) == [
        ("jobs.default_handler", "system.record"),
        ('jobs.limits["orders.place"]', "orders.place"),
        ("routes[0].handler", "orders.note"),
    ]


def test_the_tasks_of_a_schedule_name_theirs() -> None:
    tasks = [{"name": "fetch", "handler": "erp.fetch"}, {"name": "store", "handler": "erp.store", "payload": 1}]
    schedule = {"handler": "system.tasks", "interval": 60, "payload": {"tasks": tasks}}
    assert list(named_handlers(build({"schedules": {"night": schedule}}, {})))[1:] == [
        ("schedules.night.handler", "system.tasks"),
        ("schedules.night.payload.tasks[0].handler", "erp.fetch"),
        ("schedules.night.payload.tasks[1].handler", "erp.store"),
    ]
