"""Signed webhooks into committed rows, beside an aiohttp handler that only verifies and answers.

Invariant: the same senders for both, and every request was answered 202; the rows in the table are as many. The delays
are those at half of the rate that the contestant has just shown, from when a request was due to the end of its answer.
"""

from __future__ import annotations

from benchmarks.child import Child
from benchmarks.figures import Benchmark, Goal, Line, Sample
from benchmarks.stand import Stand

_SECRET = "whsec_" + "YmVuY2htYXJrLWJlbmNobWFyay1iZW5jaG1hcms="
_PACED = 5.0
"""Seconds at half of the load."""


def benchmark(stand: Stand) -> Benchmark:
    count = stand.sizes.requests

    def measure(role: str, url: str | None) -> Sample:
        more = {} if url is None else {"url": url}
        with stand.child(role, secret=_SECRET, **more) as server:
            server.go()
            port = server.answer()["port"]
            with stand.child("webhooks_senders", port=port, secret=_SECRET) as senders:
                senders.go()
                _sent(senders, f"all {max(1, count // 10)}")
                server.say("meter")
                server.answer()
                used = stand.server_cpu()
                full = _sent(senders, f"all {count}")
                used_after = stand.server_cpu()
                server.say("read")
                figures = {"rate": count / full["seconds"]}
                figures["worker_cpu"] = server.answer()["cpu"] / count * 10_000
                if url is not None and used is not None and used_after is not None:
                    figures["server_cpu"] = (used_after - used) / count * 10_000
                paced = min(count, max(1, int(figures["rate"] / 2 * _PACED)))
                half = _sent(senders, f"pace {figures['rate'] / 2:.1f} {paced}")
                figures |= {"p50": half["p50"], "p99": half["p99"], "half": paced / half["seconds"]}
                senders.say("stop")
                server.say("stop")
        if url is not None:
            found = stand.value(url, "SELECT count(*) FROM queue_jobs")
            expected = max(1, count // 10) + count + paced
            assert found == expected, f"of {expected}: {found} rows"
        return figures

    def hub() -> Sample:
        with stand.fresh("hub") as url:
            return measure("webhooks_hub", url)

    def bare() -> Sample:
        return measure("webhooks_bare", None)

    alone = "aiohttp that verifies and answers"
    lines = [
        Line("hub, signed and committed", "hub", "rate", "requests/s", [Goal(at_least=2000), Goal(of=alone)]),
        Line(alone, "bare", "rate", "requests/s"),
        Line("hub at half of that, p50", "hub", "p50", "ms"),
        Line("hub at half of that, p99", "hub", "p99", "ms", [Goal(at_most=25)]),
        Line("aiohttp at half of its own, p50", "bare", "p50", "ms"),
        Line("aiohttp at half of its own, p99", "bare", "p99", "ms"),
    ]
    return Benchmark("webhooks", f"{count:,} signed webhooks into rows", {"hub": hub, "bare": bare}, lines)


def _sent(senders: Child, what: str) -> dict[str, float]:
    senders.say(what)
    senders.answer()
    senders.say("go")
    return senders.answer()
