"""Metrics in Prometheus' terms, in a registry of their own.

Invariant: what the hot path calls costs one call a batch and plain additions a job; families are built when they are
scraped. Label values are bounded, as names of handlers can come from anybody's SQL: past the bound they are "other".
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from math import isfinite
from typing import Final

import msgspec
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

Run = tuple[str, str, str, float]
"""(handler, queue, outcome, seconds); outcome is a word such as 'completed', 'failed', 'retried'."""

LABEL_LIMIT: Final = 500
OTHER: Final = "other"
BOUNDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)

Gauges = Callable[[], Mapping[str, float] | Mapping[tuple[str, ...], float]]


class Family(msgspec.Struct, frozen=True, array_like=True):
    """One metric as another process says it; each sample is its name, its labels and its value."""

    name: str
    help: str
    type: str
    samples: list[tuple[str, dict[str, str], float]]


Beside = Callable[[], Mapping[str, Sequence[Family]]]
"""The metrics of the other processes of this hub, by the process's name."""


class Metrics:
    """Counts of this process. Call it from the event loop's thread alone."""

    enabled = True

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._claimed = _Counts()
        self._finished = _Counts()
        self._durations: dict[str, _Durations] = {}
        self._ingested = _Counts()
        self._gauges: dict[str, tuple[str, list[str], Gauges, bool]] = {}
        self._process: str | None = None
        self._others: Beside = dict
        self.registry.register(_Families(self._families))
        ProcessCollector(registry=self.registry)

    def observe_claims(self, claims: Iterable[tuple[str, str]]) -> None:
        """Count claimed jobs, each (handler, queue)."""
        add = self._claimed.add
        for claim in claims:
            add(claim)

    def observe_batch(self, runs: Iterable[Run]) -> None:
        """Count attempts that ended, with their durations."""
        add, durations = self._finished.add, self._durations
        for handler, queue, outcome, seconds in runs:
            add((handler, queue, outcome))
            found = durations.get(handler)
            if found is None:
                found = self._new_durations(handler)
            found.counts[bisect_left(BOUNDS, seconds)] += 1
            found.total += seconds

    def observe_ingest(self, route: str, outcome: str, count: int = 1) -> None:
        """Count messages taken in: 'accepted', 'duplicate', 'rejected', 'quarantined'."""
        self._ingested.add((route, outcome), count)

    def watch(self, name: str, help: str, label: str | Sequence[str], read: Gauges, *, counts: bool = False) -> None:
        """Expose the gauge `name` (a counter, if it `counts`), one value for each `label`, read at each scrape; in
        flight per queue, say. With several labels the values are keyed by tuples."""
        self._gauges[name] = (help, [label] if isinstance(label, str) else list(label), read, counts)

    def beside(self, process: str, others: Beside) -> None:
        """From now on a scrape has the metrics of `others` too, and every sample says its `process`."""
        self._process, self._others = process, others

    def snapshot(self) -> list[Family]:
        """Everything as it is now, for another process to show."""
        return [
            Family(
                family.name,
                family.documentation,
                family.type,
                [(each.name, dict(each.labels), each.value) for each in family.samples if isfinite(each.value)],
            )
            for family in self.registry.collect()
        ]

    def render(self) -> tuple[bytes, str]:
        """The text of a scrape, and its content type."""
        if self._process is None:
            return generate_latest(self.registry), CONTENT_TYPE_LATEST
        together = CollectorRegistry()
        together.register(_Families(self._together))
        return generate_latest(together), CONTENT_TYPE_LATEST

    def _together(self) -> Iterator[Metric]:
        merged: dict[str, Metric] = {}
        for process, families in {str(self._process): self.snapshot(), **self._others()}.items():
            for family in families:
                metric = merged.setdefault(family.name, Metric(family.name, family.help, family.type))
                for name, labels, value in family.samples:
                    metric.add_sample(name, {**labels, "process": process}, value)
        yield from merged.values()

    def _new_durations(self, handler: str) -> _Durations:
        name = handler if len(self._durations) < LABEL_LIMIT else OTHER
        return self._durations.setdefault(name, _Durations())

    def _families(self) -> Iterator[Metric]:
        yield self._claimed.family("hub_jobs_claimed", "Jobs claimed.", ("handler", "queue"))
        yield self._finished.family("hub_attempts", "Attempts ended.", ("handler", "queue", "outcome"))
        yield self._duration_family()
        yield self._ingested.family("hub_ingested", "Messages taken in.", ("route", "outcome"))
        for name, (help, labels, read, counts) in self._gauges.items():
            family = (CounterMetricFamily if counts else GaugeMetricFamily)(name, help, labels=labels)
            for value, number in read().items():
                family.add_metric([value] if isinstance(value, str) else list(value), number)
            yield family

    def _duration_family(self) -> Metric:
        family = HistogramMetricFamily("hub_attempt_seconds", "How long attempts ran.", labels=["handler"])
        bounds = [*(str(bound) for bound in BOUNDS), "+Inf"]
        for handler, durations in self._durations.items():
            buckets = list(zip(bounds, accumulate(durations.counts), strict=True))
            family.add_metric([handler], buckets, durations.total)
        return family


class NoMetrics(Metrics):
    """The same calls, counting nothing."""

    enabled = False

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._process = None

    def observe_claims(self, claims: Iterable[tuple[str, str]]) -> None:
        pass

    def observe_batch(self, runs: Iterable[Run]) -> None:
        pass

    def observe_ingest(self, route: str, outcome: str, count: int = 1) -> None:
        pass

    def watch(self, name: str, help: str, label: str | Sequence[str], read: Gauges, *, counts: bool = False) -> None:
        pass


class _Counts:
    """A counter by labels, which stops taking new ones at the limit."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: dict[tuple[str, ...], int] = {}

    def add(self, labels: tuple[str, ...], count: int = 1) -> None:
        counts = self._counts
        try:
            counts[labels] += count
        except KeyError:
            if len(counts) >= LABEL_LIMIT:
                labels = (OTHER,) * len(labels)
            counts[labels] = counts.get(labels, 0) + count

    def family(self, name: str, help: str, labels: tuple[str, ...]) -> Metric:
        family = CounterMetricFamily(name, help, labels=labels)
        for values, count in self._counts.items():
            family.add_metric(values, count)
        return family


class _Durations:
    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS) + 1)
        self.total = 0.0


class _Families(Collector):
    """What the registry asks at each scrape."""

    def __init__(self, families: Callable[[], Iterator[Metric]]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        return self._families()
