"""Jobs prepared under a name in the section `templates`.

Invariant: pure. What a start gives goes before what the template says: objects are merged, member by member and at
every depth; any other payload takes the template's place, and none leaves it as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import msgspec

from hub.config.faults import did_you_mean
from hub.config.schema import Configuration
from hub.config.sections.plans import Template
from hub.errors import NotFound, PayloadInvalid
from hub.handlers.outgoing import Options, request
from hub.handlers.payload import is_json
from hub.model import NewJob


def template(configuration: Configuration, name: str) -> Template:
    """The template of that name. Raises NotFound."""
    found = configuration.templates.get(name)
    if found is None:
        near = did_you_mean(name, list(configuration.templates))
        raise NotFound(f"there is no template {name!r}" + (f"; {near}" if near else ""))
    return found


def prepared(
    configuration: Configuration,
    name: str,
    id: str,
    payload: Any = None,
    metadata: Mapping[str, Any] | None = None,
    options: Options | None = None,
) -> NewJob:
    """The row of a job started by a template; `options` go before the template's.

    Raises NotFound for an unknown name, Permanent for options that make no sense, PayloadInvalid for the payload.
    """
    plan = template(configuration, name)
    written = {
        "queue": plan.queue,
        "priority": plan.priority,
        "max_retries": plan.max_retries,
        "timeout": plan.timeout,
    }
    known = {option: value for option, value in written.items() if value is not None}
    return request(
        id, plan.handler, merged(plan.payload, payload), metadata, cast(Options, {**known, **(options or {})})
    )


def merged(base: Any, given: Any) -> Any:
    """`given` over `base`; bytes that are JSON count as what they say. Raises PayloadInvalid for JSON past reading."""
    if given is None:
        return base
    if isinstance(given, bytes) and is_json(given):
        try:
            given = msgspec.json.decode(given)
        except msgspec.DecodeError as error:
            raise PayloadInvalid(f"the payload cannot be merged into the template's: {error}") from error
    return _over(base, given)


def _over(base: Any, given: Any) -> Any:
    if not isinstance(base, Mapping) or not isinstance(given, Mapping):
        return given
    return {**base, **{name: _over(base.get(name), value) for name, value in given.items()}}
