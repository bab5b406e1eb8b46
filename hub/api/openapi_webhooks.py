"""The addresses of the configured webhooks, each with its route's schema, content types and signature.

Invariant: only what a masked configuration shows is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from hub.adapters.http.answers import JSON_TYPE
from hub.adapters.http.webhook import PATH
from hub.api.openapi_schemas import Schemas, component_name

GENERIC: Final = PATH

_SIGNED_BY: Final = {
    "standard-webhooks": ("webhook-signature", "webhook-id", "webhook-timestamp"),
    "svix": ("svix-signature", "svix-id", "svix-timestamp"),
    "github": ("X-Hub-Signature-256", "X-GitHub-Delivery"),
    "stripe": ("Stripe-Signature",),
    "slack": ("X-Slack-Signature", "X-Slack-Request-Timestamp"),
    "shopify": ("X-Shopify-Hmac-Sha256", "X-Shopify-Event-Id"),
}
"""The header with the signature, and those that go with it."""
_OPTIONAL: Final = frozenset(("X-GitHub-Delivery", "X-Shopify-Event-Id"))
_IDEMPOTENCY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "A repeated key makes no second job.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}

Shown = Mapping[str, Any]
"""A masked configuration."""


def webhooks(shown: Shown) -> Iterator[Shown]:
    """The routes that are posted to."""
    http = {name for name, adapter in shown["adapters"].items() if adapter["type"] == "http" and adapter["enabled"]}
    return (route for route in shown["routes"] if route["from"] in http)


def scheme_of(route: Shown) -> str | None:
    """How the route's senders sign, None if they do not."""
    signature = route["signature"]
    return None if signature is None or signature["scheme"] == "none" else str(signature["scheme"])


def security_schemes(shown: Shown) -> dict[str, Any]:
    """One for each way of signing that a route asks for."""
    return {
        scheme: {
            "type": "apiKey",
            "in": "header",
            "name": _SIGNED_BY[scheme][0],
            "description": f"An HMAC-SHA256 by the rules of {scheme}, with a secret of the route.",
        }
        for scheme in sorted({scheme_of(route) or "" for route in webhooks(shown)} - {""})
    }


def webhook_paths(shown: Shown, generic: Mapping[str, Any], schemas: Schemas) -> dict[str, Any]:
    """`/webhooks/NAME` of each route; `generic` is the operation that they are cases of."""
    found = webhooks(shown)
    return {PATH.replace("{route}", route["name"]): {"post": _operation(route, generic, schemas)} for route in found}


def _operation(route: Shown, generic: Mapping[str, Any], schemas: Schemas) -> dict[str, Any]:
    scheme = scheme_of(route)
    does = f"run by {route['handler']}" if route["handler"] else "acknowledged and dropped"
    operation = {
        **generic,
        "operationId": f"{generic['operationId']}_{component_name(route['name'])}",
        "summary": f"Post to the route {route['name']}",
        "description": f"{generic['description']} What it takes is {does}.",
        "parameters": _headers(scheme),
        "requestBody": {"required": True, "content": _content(route, schemas)},
        "responses": dict(generic["responses"]),
    }
    if scheme is not None:
        operation["security"] = [{scheme: []}]
        operation["x-role"] = "signed"
    if scheme == "slack":
        challenge = {"text/plain": {"schema": {"type": "string"}}}
        operation["responses"]["200"] = {"description": "Slack's challenge.", "content": challenge}
    return operation


def _headers(scheme: str | None) -> list[dict[str, Any]]:
    if scheme is None:
        return [_IDEMPOTENCY]
    return [
        {"name": name, "in": "header", "required": name not in _OPTIONAL, "schema": {"type": "string"}}
        for name in _SIGNED_BY[scheme][1:]
    ]


def _content(route: Shown, schemas: Schemas) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    if route["schema"] is not None:
        schema = schemas.own(f"route.{route['name']}", route["schema"])
    kinds = route["content_types"] or ([JSON_TYPE] if schema else [JSON_TYPE, "*/*"])
    return {kind: {"schema": schema} if schema and "json" in kind else {} for kind in kinds}
