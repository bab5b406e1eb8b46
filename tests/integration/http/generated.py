"""Values by JSON Schema: those that fit, and those that are a little off."""

from collections.abc import Mapping
from functools import reduce
from operator import getitem
from typing import Any

from hypothesis import strategies as st

Schema = Mapping[str, Any]

TEXT = st.text(st.characters(exclude_categories=()), max_size=20)
"""With U+0000 and lone surrogates: JSON can say both, and no column can hold them."""
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


def values(schema: Schema, document: Schema) -> st.SearchStrategy[Any]:
    """Values that fit a schema of the document."""
    if "$ref" in schema:
        path = schema["$ref"].removeprefix("#/").split("/")
        return st.deferred(lambda: values(reduce(getitem, path, document), document))
    if "anyOf" in schema:
        return st.one_of([values(each, document) for each in schema["anyOf"]])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    match schema.get("type"):
        case "null":
            return st.none()
        case "boolean":
            return st.booleans()
        case "integer":
            return st.integers(schema.get("minimum"), schema.get("maximum"))
        case "number":
            low = schema.get("minimum", schema.get("exclusiveMinimum"))
            return st.floats(low, schema.get("maximum"), exclude_min="exclusiveMinimum" in schema, allow_infinity=False)
        case "string" if schema.get("format") == "date-time":
            return st.datetimes().map(lambda found: f"{found.isoformat()}Z")
        case "string":
            return st.text(min_size=schema.get("minLength", 0), max_size=min(schema.get("maxLength", 20), 20))
        case "array":
            return st.lists(values(schema.get("items", {}), document), max_size=3)
        case "object":
            return _objects(schema, document)
    return ANYTHING


def _objects(schema: Schema, document: Schema) -> st.SearchStrategy[Any]:
    known = {name: values(each, document) for name, each in schema.get("properties", {}).items()}
    if not known:
        return st.dictionaries(
            st.text(max_size=10), values(schema.get("additionalProperties") or {}, document), max_size=3
        )
    required = {name: known[name] for name in schema.get("required", ())}
    return st.fixed_dictionaries(required, optional={name: known[name] for name in known if name not in required})


@st.composite
def spoilt(draw: st.DrawFn, schema: Schema, document: Schema) -> Any:
    """A value that fits, but for one place; or anything at all."""
    value = draw(values(schema, document))
    if not isinstance(value, dict) or not value or draw(st.booleans()):
        return draw(ANYTHING)
    name = draw(st.sampled_from(sorted(value)))
    change = draw(st.sampled_from(("other", "without", "more")))
    if change == "other":
        value[name] = draw(ANYTHING)
    elif change == "without":
        del value[name]
    else:
        value[draw(TEXT)] = draw(ANYTHING)
    return value
