"""Whatever stands in the file or the environment: a configuration or a list of faults, never another exception."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.config import Configuration, ConfigurationError, build
from hub.config.document import parse

# A lone surrogate is legal JSON and no text that a terminal or a database takes.
texts = st.text(max_size=12) | st.just("\ud800") | st.just("${env:X}")
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
sections = st.sampled_from(sorted(field.alias or name for name, field in Configuration.model_fields.items()))
quick = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def outcome(document: dict[str, Any], environ: dict[str, str]) -> str:
    """What a reader is told, with every text of it formed."""
    try:
        return repr(build(document, environ))
    except ConfigurationError as error:
        return str(error)


@quick
@given(st.dictionaries(sections, values, max_size=4))
def test_any_value_in_any_section(document: dict[str, Any]) -> None:
    outcome(document, {}).encode()


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in pairs for place in places(item, (*path, key)))]


@quick
@given(data=st.data(), value=values)
def test_any_value_in_any_place_of_a_valid_document(full: dict[str, Any], data: st.DataObject, value: Any) -> None:
    document = copy.deepcopy(full)
    path = data.draw(st.sampled_from([place for place in places(full) if place]))
    holder = document
    for part in path[:-1]:
        holder = holder[part]
    holder[path[-1]] = value
    outcome(document, {}).encode()


@quick
@given(st.text() | values.map(json.dumps))
def test_any_text_in_the_file(text: str) -> None:
    document, faults = parse(text, "file")
    assert document is not None or faults


variables = st.sampled_from(
    [
        "DATABASE_URL",
        "DB_HOST",
        "DB_PORT",
        "DB_USER",
        "DB_PASS",
        "DB_NAME",
        "MAX_WORKERS",
        "PORT",
        "ENABLE_RECOVERY",
        "DEFAULT_RECOVERY_ENABLED",
        "RECOVERY_CHECK_INTERVAL",
        "MAX_RECOVERY_ATTEMPTS",
    ]
)


@quick
@given(st.dictionaries(variables, st.text(max_size=20) | st.sampled_from(["1", "0", "-1", "true", "5m", "9" * 400])))
def test_any_value_in_the_environment(environ: dict[str, str]) -> None:
    outcome({}, environ).encode()
