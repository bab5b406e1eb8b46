"""Metrics: what was counted is what a scrape shows, and names without end do not become memory without end."""

from __future__ import annotations

import msgspec
from prometheus_client.parser import text_string_to_metric_families

from hub.telemetry import Metrics, NoMetrics
from hub.telemetry.metrics import LABEL_LIMIT, Family


def samples(metrics: Metrics) -> dict[tuple[str, tuple[str, ...]], float]:
    """(name, label values in the order of their names) → value."""
    text, kind = metrics.render()
    assert kind.startswith("text/plain")
    return {
        (sample.name, tuple(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def test_a_scrape_shows_what_was_counted() -> None:
    metrics = Metrics()
    metrics.observe_claims([("a", "critical"), ("a", "critical"), ("b", "default")])
    metrics.observe_batch([("a", "critical", "completed", 0.002), ("a", "critical", "failed", 70.0)])
    metrics.observe_batch([("a", "critical", "completed", 0.0)])
    metrics.observe_ingest("orders", "accepted", 3)
    metrics.watch("hub_in_flight", "Jobs running.", "queue", lambda: {"critical": 2})
    found = samples(metrics)
    assert found["hub_jobs_claimed_total", ("a", "critical")] == 2
    assert found["hub_attempts_total", ("a", "completed", "critical")] == 2
    assert found["hub_attempts_total", ("a", "failed", "critical")] == 1
    assert found["hub_ingested_total", ("accepted", "orders")] == 3
    assert found["hub_in_flight", ("critical",)] == 2
    assert found["hub_attempt_seconds_count", ("a",)] == 3
    assert found["hub_attempt_seconds_sum", ("a",)] == 70.002


def test_durations_fall_into_the_bucket_that_is_at_least_as_long() -> None:
    metrics = Metrics()
    metrics.observe_batch([("a", "q", "completed", seconds) for seconds in (0.0, 0.001, 0.0011, 300.0, 301.0)])
    found = samples(metrics)
    buckets = {
        bound: found["hub_attempt_seconds_bucket", ("a", bound)] for bound in ("0.001", "0.0025", "300.0", "+Inf")
    }
    assert buckets == {"0.001": 2, "0.0025": 3, "300.0": 4, "+Inf": 5}


def test_names_without_end_end_as_other() -> None:
    metrics = Metrics()
    many = LABEL_LIMIT + 50
    metrics.observe_batch((f"handler {number}", "q", "completed", 0.0) for number in range(many))
    metrics.observe_claims((f"handler {number}", "q") for number in range(many))
    found = samples(metrics)
    assert found["hub_attempts_total", ("other", "other", "other")] == 50
    assert found["hub_jobs_claimed_total", ("other", "other")] == 50
    assert found["hub_attempt_seconds_count", ("other",)] == 50
    assert sum(value for (name, _), value in found.items() if name == "hub_attempts_total") == many


def test_two_hubs_in_one_process_count_apart() -> None:
    one, other = Metrics(), Metrics()
    one.observe_ingest("orders", "accepted")
    assert ("hub_ingested_total", ("accepted", "orders")) not in samples(other)


def test_without_metrics_the_same_calls_count_nothing() -> None:
    metrics = NoMetrics()
    metrics.observe_claims([("a", "q")])
    metrics.observe_batch([("a", "q", "completed", 0.1)])
    metrics.observe_ingest("orders", "accepted")
    metrics.watch("hub_in_flight", "Jobs running.", "queue", lambda: {"q": 1})
    assert not metrics.enabled
    assert samples(metrics) == {}


def test_the_metrics_of_several_processes_are_shown_together() -> None:
    first, second = Metrics(), Metrics()
    first.observe_batch([("note", "default", "completed", 0.002)])
    second.observe_batch([("note", "default", "completed", 0.002)] * 2)
    second.observe_ingest("orders", "accepted", 3)
    sent = msgspec.json.decode(msgspec.json.encode(second.snapshot()), type=list[Family])
    first.beside("0", lambda: {"1": sent})
    text = first.render()[0].decode()
    assert text.count("# TYPE hub_attempts_total counter") == 1
    for line in (
        'hub_attempts_total{handler="note",outcome="completed",process="0",queue="default"} 1.0',
        'hub_attempts_total{handler="note",outcome="completed",process="1",queue="default"} 2.0',
        'hub_ingested_total{outcome="accepted",process="1",route="orders"} 3.0',
        'hub_attempt_seconds_bucket{handler="note",le="+Inf",process="1"} 2.0',
    ):
        assert line in text
    assert 'process_cpu_seconds_total{process="0"}' in text
    assert 'process="1"' in text.partition("process_cpu_seconds_total{")[2]
