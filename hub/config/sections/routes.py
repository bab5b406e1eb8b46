"""`routes`: which message becomes which job.

Invariant: routes are tried in file order and the first match wins; `all` goes on. The name of a route is the source
of its dedupe keys, so it is unique and changing it forgets them.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from hub.config.expression import RouteExpression
from hub.config.secrets import FreeSettings, no_settings
from hub.config.values import (
    HandlerName,
    Listed,
    Name,
    Natural,
    PositiveDuration,
    Priority,
    QueueName,
    SecretText,
    Section,
    Size,
    Text,
)

SIGNATURE_SCHEMES = ("none", "standard-webhooks", "svix", "github", "stripe", "slack", "shopify")
"""The schemes the schema knows."""


class Signature(Section):
    scheme: Text = Field(json_schema_extra={"enum": list(SIGNATURE_SCHEMES)})
    secrets: Listed[SecretText] = Field(default=(), description="Several while keys are rotated.")
    tolerance: PositiveDuration = Field(
        default=300.0, description="How far a signed time may be from this server's, for schemes that sign one."
    )


class Route(Section):
    name: Name
    from_: Name = Field(alias="from", description="The adapter that reads it.")
    topic: Text | None = Field(
        default=None,
        description="Topic, queue, SignalR target or Socket.IO event, with the broker's wildcards. Left out: any.",
    )
    handler: HandlerName | None = Field(default=None, description="Runs the job; every route has one, or `drop`.")
    drop: bool = Field(default=False, description="True: what matches is acknowledged and forgotten.")
    queue: QueueName | None = Field(default=None, description="Left out: the handler's, else default.")
    priority: Priority = 0
    max_retries: Natural | None = None
    timeout: PositiveDuration | None = None
    filter: RouteExpression | None = Field(
        default=None, description="JMESPath; a message for which it is false or empty goes on."
    )
    map: RouteExpression | None = Field(default=None, description="JMESPath; its result becomes the payload.")
    dedupe_key: RouteExpression | None = Field(
        default=None, description="JMESPath; a repeated key makes no second job."
    )
    ordering_key: RouteExpression | None = Field(
        default=None, description="JMESPath; jobs of one key run one after another."
    )
    schema_: dict[str, Any] | None = Field(
        default=None, alias="schema", description="JSON Schema of the payload as it arrives."
    )
    signature: Signature | None = None
    content_types: Listed[Text] = Field(default=(), description="Others are answered 415. Empty: any.")
    with_: FreeSettings = Field(default_factory=no_settings, alias="with", description="Settings for the handler.")
    all: bool = Field(default=False, description="True: the routes after this one are tried as well.")
    max_body: Size | None = Field(default=None, description="Instead of http.max_body.")
