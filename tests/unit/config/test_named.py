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
