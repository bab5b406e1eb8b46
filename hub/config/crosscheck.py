"""What no section can see by itself: names that must exist elsewhere, names that may not meet, settings that exclude
each other.

Invariant: works on the document, not on the models, and skips what has the wrong shape (that is a fault already): so a
mistyped name and a mistyped value are reported in one go.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from ipaddress import ip_address
from typing import Any, Final

import msgspec

from hub.adapters.http.signatures import SCHEMES
from hub.config.entry import Entry
from hub.config.faults import Fault, Invalid, Path, did_you_mean, path_text, quoted
from hub.config.needs import missing_settings, unfit_target
from hub.config.paths import shared_paths
from hub.config.sections.routes import SIGNATURE_SCHEMES
from hub.config.steps import kind_of_step, moment
from hub.config.texts import unstorable
from hub.config.topics import ALERTS_TOPIC, filter_fault, name_fault
from hub.config.values import seconds
from hub.scheduler.tasks import HANDLER, TaskList
from hub.workflows.circle import circle

DEFAULT_QUEUE = "default"
_TOPIC_NEEDED = frozenset({"kafka", "mqtt", "activemq"})
_SENDERS = frozenset({"publish", "http.request"})


def crosscheck(document: Mapping[str, Any]) -> Iterator[Fault]:
    """Everything in `document` (references resolved, environment applied) that does not go together."""
    root = Entry((), dict(document))
    yield from unstorable(document)
    yield from _server(root)
    yield from _cache(root)
    yield from _limits(root)
    yield from _names(root)
    yield from shared_paths(root)
    for route in root.items("routes"):
        yield from _route(route, root)
        yield from _signature(route, root)
    yield from _plans(root)
    for workflow in root.items("workflows"):
        yield from _workflow(workflow, root)


# --- the process -------------------------------------------------------------------------------------------------


def _server(root: Entry) -> Iterator[Fault]:
    database, http, jobs = root.inner("database"), root.inner("http"), root.inner("jobs")
    scheme = (database.text("url") or "sqlite://").partition("://")[0]
    if scheme == "sqlite" and isinstance(processes := jobs.value.get("processes"), int) and processes > 1:
        yield jobs.fault("processes", "SQLite takes one process for a file", "set it to 1, or use PostgreSQL")
    if database.text("listen_url") and not scheme.startswith("postgres"):
        yield database.fault("listen_url", f"is for PostgreSQL, but the database is {scheme}", "leave it out")
    warning, timeout = _span(database, "transaction_warning", 5.0), _span(database, "transaction_timeout", 60.0)
    if warning is not None and timeout is not None and timeout <= warning:
        yield database.fault("transaction_timeout", "must be longer than transaction_warning")
    host = http.text("host")
    if host is not None and not _is_loopback(host) and not _has_auth(root):
        yield http.fault(
            "host",
            f"{quoted(host)} can be reached from outside, but no token is set",
            'add one to auth.tokens, or set auth.required to true and make one with "hub token create"',
        )
    tokens = Counter(token.text("name") or "" for token in root.inner("auth").items("tokens"))
    for name, count in tokens.items():
        if name and count > 1:
            yield root.inner("auth").fault("tokens", f"{count} tokens are named {quoted(name)}")


def _has_auth(root: Entry) -> bool:
    auth = root.inner("auth").value
    required = auth.get("required")
    return bool(auth.get("tokens")) if required is None else required is True


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _cache(root: Entry) -> Iterator[Fault]:
    cache = root.inner("cache")
    adapter, address = cache.text("adapter"), cache.text("url")
    if adapter in ("redis", "memcached"):
        if address is None:
            yield cache.fault("url", f"required for {adapter}, but missing", f"{adapter}://127.0.0.1")
        elif not address.startswith((adapter, "rediss") if adapter == "redis" else adapter):
            yield cache.fault("url", f"is no address of {adapter}")


def _limits(root: Entry) -> Iterator[Fault]:
    for limit in root.inner("jobs").items("limits"):
        if limit.value.get("concurrency") is None and limit.value.get("rate") is None:
            yield Fault(path_text(limit.path), "a limit needs concurrency or rate", '"concurrency": 5 or "rate": 10')


def _span(entry: Entry, key: str, default: float) -> float | None:
    try:
        return seconds(entry.value.get(key, default))
    except Invalid:
        return None


# --- names -------------------------------------------------------------------------------------------------------


def _places(root: Entry) -> set[str]:
    """Where something can be sent to: adapters and destinations share one namespace."""
    return {*root.inner("adapters").value, *root.inner("destinations").value}


def _names(root: Entry) -> Iterator[Fault]:
    adapters, destinations = root.inner("adapters"), root.inner("destinations")
    for shared in sorted(adapters.value.keys() & destinations.value.keys()):
        yield destinations.fault(shared, "an adapter has this name too", "rename one of them")
    first: dict[str, Path] = {}
    for route in root.items("routes"):
        name = route.text("name")
        if name in first:
            yield route.fault(
                "name", f"{quoted(name)} is the name of {path_text(first[name])} too", "rename one of them"
            )
        elif name is not None:
            first[name] = route.path
    for alert in root.items("alerts"):
        yield from _known(alert, "to", "adapter or destination", _places(root))
        yield from _known(alert, "adapter", "adapter", adapters.value)
        yield from _sent_to(alert, alert.text("to"), root, otherwise=ALERTS_TOPIC)


_SECTIONS: Final = {
    "queue": "jobs.queues, with its limit",
    "adapter": "adapters",
    "adapter or destination": "adapters or destinations",
}


def _known(entry: Entry, key: str, noun: str, known: Collection[str]) -> Iterator[Fault]:
    name = entry.text(key)
    if name is not None and name not in known:
        hint = did_you_mean(name, known) or f"name it in {_SECTIONS[noun]}"
        yield entry.fault(key, f"there is no {noun} {quoted(name)}", hint)


def _work(entry: Entry, root: Entry) -> Iterator[Fault]:
    """What holds for everything that makes a job: its queue exists, and so does the place it sends to."""
    queues = root.inner("jobs").inner("queues").value
    yield from _known(entry, "queue", "queue", {*queues, DEFAULT_QUEUE})
    if entry.text("handler") in _SENDERS:
        yield from _known(entry.inner("with"), "to", "adapter or destination", _places(root))
        yield from unfit_target(entry, root)
        yield from _sent_to(entry.inner("with"), entry.inner("with").text("to"), root)


def _sent_to(entry: Entry, to: str | None, root: Entry, otherwise: str | None = None) -> Iterator[Fault]:
    """The topic that something is sent to is one for its broker; `otherwise` is what it is when left out."""
    topic = entry.text("topic") if "topic" in entry.value else otherwise
    if topic and (found := name_fault(topic, root.inner("adapters").inner(to or "").text("type"))):
        yield entry.fault("topic", *found)


# --- routes ------------------------------------------------------------------------------------------------------


def _route(route: Entry, root: Entry) -> Iterator[Fault]:
    yield from _known(route, "from", "adapter", root.inner("adapters").value)
    yield from _work(route, root)
    handler, drop = "handler" in route.value, route.value.get("drop") is True
    if not handler and not drop:
        yield route.fault("handler", "required, but missing", 'name a handler, or set "drop" to true')
    if handler and drop:
        yield route.fault("drop", "a route that drops has no handler", "leave one of them out")
    yield from missing_settings(route)
    kind = _type_of(route, root)
    if kind in _TOPIC_NEEDED and "topic" not in route.value:
        yield route.fault("topic", f"required for an adapter of type {kind}, but missing")
    if (topic := route.text("topic")) and (found := filter_fault(topic, kind)):
        yield route.fault("topic", *found)
    yield from _message_schema(route)


def _type_of(route: Entry, root: Entry) -> str | None:
    """The type of the adapter that a route reads from."""
    return root.inner("adapters").inner(route.text("from") or "").text("type")


def _message_schema(route: Entry) -> Iterator[Fault]:
    schema = route.inner("schema").value
    if not schema:
        return
    # Imported here because few configurations have a schema and the import costs more than all the rest of a load.
    from jsonschema import Draft202012Validator, SchemaError
    from jsonschema.validators import validator_for

    try:
        validator_for(schema, default=Draft202012Validator).check_schema(schema)
    except SchemaError as error:
        place = path_text((*route.path, "schema", *error.absolute_path))
        yield Fault(place, f"is no valid JSON Schema: {error.message[:200]}")


def _signature(route: Entry, root: Entry) -> Iterator[Fault]:
    if "signature" not in route.value:
        return
    signature = route.inner("signature")
    scheme, kind = signature.text("scheme"), _type_of(route, root)
    if kind is not None and kind != "http":
        yield route.fault("signature", f"only HTTP requests are signed, the adapter is of type {kind}", "leave it out")
    if scheme is None or scheme == "none":
        return
    if scheme not in SIGNATURE_SCHEMES:
        hint = did_you_mean(scheme, SIGNATURE_SCHEMES) or f"one of {', '.join(SIGNATURE_SCHEMES)}"
        yield signature.fault("scheme", f"there is no scheme {quoted(scheme)}", hint)
    if not signature.value.get("secrets"):
        yield signature.fault("secrets", f"required for {quoted(scheme)}, but missing", '["${env:NAME}"]')
    elif scheme in SCHEMES:
        yield from _secrets(signature, scheme)


def _secrets(signature: Entry, scheme: str) -> Iterator[Fault]:
    secrets = signature.value["secrets"]
    for secret in secrets if isinstance(secrets, list) else [secrets]:
        try:
            SCHEMES[scheme]([secret] if isinstance(secret, str) and "${" not in secret else ["QQ=="])
        except ValueError as error:
            yield signature.fault("secrets", str(error), None)


# --- schedules, workflows ----------------------------------------------------------------------------------------


def _plans(root: Entry) -> Iterator[Fault]:
    for section in ("schedules", "resource_types", "templates"):
        for entry in root.items(section):
            yield from _work(entry, root)
    for schedule in root.items("schedules"):
        yield from _tasks(schedule)
        given = [key for key in ("cron", "interval") if schedule.value.get(key) is not None]
        if len(given) == 2:
            yield schedule.fault(
                "interval", "a schedule has either cron or interval, not both", "leave one of them out"
            )
        elif not given and schedule.value.get("start_at") is None:
            hint = '"cron": "0 8 * * *", "interval": "5m" or, once, "start_at": "2031-01-01T08:00:00Z"'
            yield Fault(path_text(schedule.path), "a schedule needs cron, interval or start_at", hint)
        begin, end = moment(schedule, "start_at"), moment(schedule, "end_at")
        if begin is not None and end is not None and end < begin:
            yield schedule.fault("end_at", "lies before start_at: it would never fire")


def _tasks(schedule: Entry) -> Iterator[Fault]:
    """A run of tasks says which they are."""
    if schedule.text("handler") != HANDLER:
        return
    try:
        msgspec.convert(schedule.value.get("payload"), TaskList)
    except msgspec.ValidationError as error:
        yield schedule.fault("payload", f"no tasks: {error}", '{"tasks": [{"name": "fetch", "handler": "…"}]}')


def _workflow(workflow: Entry, root: Entry) -> Iterator[Fault]:
    after: dict[str, list[str]] = {}
    steps = workflow.items("steps")
    for step in steps:
        yield from _work(step, root)
        yield from kind_of_step(step)
        name = step.text("name")
        if name is None:
            continue
        if name in after:
            yield step.fault("name", f"two steps are named {quoted(name)}")
        else:
            after[name] = [item for item in _list(step.value.get("after")) if isinstance(item, str)]
    for step in steps:
        for index, other in enumerate(_list(step.value.get("after"))):
            if isinstance(other, str) and other not in after:
                yield step.inner("after").fault(index, f"there is no step {quoted(other)}", did_you_mean(other, after))
    if cycle := circle(after):
        yield workflow.fault("steps", f"wait for each other: {' after '.join(map(quoted, cycle))}")


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
