"""A broker under load, a hub that reads it, and one fault after another: on the broker, the hub, the database.

Invariant: a fault comes when a given share of the messages has been acknowledged by the broker, and the next one only
after the last was got over; a hub is killed by its own trap, so that it dies where it was meant to.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from tests.faults.brokers import judge
from tests.faults.brokers.line import Line
from tests.faults.brokers.sender import KEYS
from tests.faults.brokers.watch import Watch, size_of
from tests.faults.campaign import Campaign, Tally
from tests.faults.controls import Control
from tests.faults.handlers import EFFECTFUL, FORWARDING
from tests.faults.points import Point
from tests.faults.process import ROOT, Victim
from tests.faults.waiting import until_async
from tests.servers import Service, free_port
from tests.servers.process import kill_tree, spawn

PATIENCE = 60.0
BROKER, DATABASE = "broker", "database"
Fault = Point | str
"""A point at which the hub is killed, or one of the servers beside it."""

_IN_ORDER = {
    "postgresql": "ALTER TABLE effects ADD COLUMN seq bigserial",
    "mysql": "ALTER TABLE effects ADD COLUMN seq bigint NOT NULL AUTO_INCREMENT UNIQUE",
}
_LINE = 9
"""Bytes of an id in the ledger, with its end of line."""


class Siege:
    """`database` is the server that is killed for DATABASE. `deduped`: routes have a dedupe key where the broker needs
    one. `forwards`: each message is sent on, to the line's topic `out`. `quiet`: after so many seconds without
    progress what has not come will not come."""

    def __init__(
        self,
        line: Line,
        campaign: Campaign,
        folder: Path,
        *,
        database: Service | None = None,
        control: Sequence[Control] = (),
        deduped: bool = True,
        forwards: bool = False,
        quiet: float = 60.0,
    ) -> None:
        self._line = line
        self._campaign = campaign
        self._outside = campaign.outside
        self._folder = folder
        self._database = database
        self._control = control
        self._deduped = deduped and line.needs_key
        self._forwards = forwards
        self._quiet = quiet
        self._configuration = folder / "configuration.json"
        self._recoveries: defaultdict[str, list[float]] = defaultdict(list)
        self._landed: Counter[str] = Counter()
        self._expected = 0

    async def run(self, count: int, faults: Sequence[Fault], *, pause: float = 0.1) -> Tally:
        """`count` messages, `pause` seconds between rounds of KEYS; the oracle's verdict."""
        line, outside = self._line, self._outside
        self._expected = count
        await asyncio.to_thread(line.service.start)
        await line.prepare()
        if outside.dialect in _IN_ORDER:
            await asyncio.to_thread(outside.fetch, _IN_ORDER[outside.dialect])
        self._configuration.write_text(json.dumps(self._document()))
        watch = Watch(line, outside.url)
        watching = asyncio.create_task(watch.offsets())
        try:
            tally, remarks, violations = await self._under_load(count, faults, pause)
        finally:
            watching.cancel()
            await asyncio.wait((watching,))
            await line.close()
        if not watching.cancelled() and (error := watching.exception()) is not None:
            raise error
        tally.verdict = replace(tally.verdict, violations=[*tally.verdict.violations, *violations, *watch.violations])
        tally.landed = self._landed
        tally.recoveries = [seconds for each in self._recoveries.values() for seconds in each]
        compared = [f"offsets compared {watch.samples} times"] if watch.samples else []
        tally.remarks = [*remarks, *compared, *self._recovered()]
        return tally

    # ----------------------------------------------------------------------------------------------------- the faults

    async def _under_load(
        self, count: int, faults: Sequence[Fault], pause: float
    ) -> tuple[Tally, list[str], list[str]]:
        traps = [fault for fault in faults if isinstance(fault, Point)]
        hub = await self._hub(traps.pop(0) if traps else None)
        before = size_of(hub.process.pid)
        began = time.monotonic()
        self._allow(count // (len(faults) + 1))
        try:
            async with self._sender(count, pause) as sender:
                for number, fault in enumerate(faults, 1):
                    await self._acknowledged(count * number // (len(faults) + 1), sender)
                    self._allow(count * (number + 1) // (len(faults) + 1))
                    if isinstance(fault, Point):
                        since, rows = await asyncio.to_thread(self._kill, hub)
                        hub = await self._hub(traps.pop(0) if traps else None, connected=False)
                    else:
                        since, rows = await asyncio.to_thread(self._fell, fault)
                    self._landed[str(fault)] += 1
                    await self._goes_on(rows, hub)
                    self._recoveries["hub" if isinstance(fault, Point) else fault].append(time.monotonic() - since)
                await self._meanwhile(sender)
                await until_async(lambda: sender.poll() is not None, PATIENCE + count * pause / KEYS, "still sends")
                if sender.returncode != 0:
                    raise RuntimeError(f"the sender ended with {sender.returncode}\n{self._said()}")
            sending = time.monotonic() - began
            await asyncio.to_thread(self._settle, hub)
            violations = await self._at_the_broker()
            remarks = [f"{count} messages sent in {sending:.1f} s, all done after {time.monotonic() - began:.1f} s"]
            after = size_of(hub.process.pid)
            connections = await asyncio.to_thread(self._outside.connections)
            remarks.append(
                f"hub: {before.memory >> 20} to {after.memory >> 20} MiB, {before.descriptors} to {after.descriptors}"
                f" descriptors, {connections} database connections"
            )
            violations += judge.grown(before, after)
            await asyncio.to_thread(self._campaign.expect_orderly_end, hub)
            out_violations, out_remarks = await self._sent_out()
        finally:
            await asyncio.to_thread(hub.kill)
        tally = await asyncio.to_thread(self._campaign.settle)
        violations += judge.out_of_order(await asyncio.to_thread(self._effects))
        return tally, [*remarks, *out_remarks], [*violations, *out_violations]

    async def _meanwhile(self, sender: subprocess.Popen[bytes]) -> None:
        """What else happens while the rest is sent: see `members`."""

    async def _hub(self, point: Point | None, *, connected: bool = True) -> Victim:
        """A life of the hub, with its trap not armed yet."""
        hub = self._campaign.victim(point=point, waits=True, hub=self._configuration, control=self._control)
        await asyncio.to_thread(hub.ready)
        if connected:
            await until_async(
                lambda: any("adapter=line" in said and "state=connected" in said for said in hub.output().splitlines()),
                PATIENCE / 2,
                lambda: f"the hub does not connect\n{hub.output()[-4000:]}",
            )
        return hub

    def _kill(self, hub: Victim) -> tuple[float, int]:
        """When it died, and how many rows there were then."""
        hub.arm()
        hub.killed(PATIENCE)
        return time.monotonic(), self._count()

    def _fell(self, fault: str) -> tuple[float, int]:
        """The same of a server, which is there again."""
        since, rows = time.monotonic(), self._count()
        if fault == BROKER:
            self._line.fall()
            rows = self._count()
            self._line.service.start()
        elif self._database is not None:
            self._database.kill9()
            self._database.start()
        else:
            raise ValueError("there is no database server to be killed")
        return since, rows

    # --------------------------------------------------------------------------------------------------- the way along

    @asynccontextmanager
    async def _sender(self, count: int, pause: float) -> AsyncIterator[subprocess.Popen[bytes]]:
        line, ledger = self._line, self._campaign.ledger
        where = [line.kind, str(line.service.port), line.into, "--count", str(count), "--ledger", str(ledger.path)]
        onward = ["--to", line.out] if self._forwards else []
        how = ["--pause", str(pause), "--allowed", str(self._folder / "allowed"), *onward]
        command = [sys.executable, "-m", "tests.faults.brokers.sender", *where, *how]
        with (self._folder / "sender.log").open("ab") as output:
            sender = spawn(command, output=output, environment={**os.environ, "PYTHONPATH": str(ROOT)})
        try:
            yield sender
        finally:
            kill_tree(sender, timeout=PATIENCE)

    def _allow(self, count: int) -> None:
        """So many messages may be sent: a fault shall not find that all of them came while the last was got over."""
        (self._folder / "allowed").write_text(str(count + KEYS))

    async def _acknowledged(self, count: int, sender: subprocess.Popen[bytes]) -> None:
        path = self._campaign.ledger.path

        def enough() -> bool:
            if sender.poll() not in (None, 0):
                raise RuntimeError(f"the sender ended with {sender.returncode}\n{self._said()}")
            return path.exists() and path.stat().st_size >= count * _LINE

        await until_async(enough, PATIENCE, lambda: f"the broker does not acknowledge {count} messages\n{self._said()}")

    async def _goes_on(self, rows: int, hub: Victim) -> None:
        """Until more has come in than had when the fault came; a server that started slowly may have left nothing."""
        more = f"the hub takes nothing in: {rows} rows\n"

        def taken() -> bool:
            return self._count() > min(rows, self._expected - 1)

        await until_async(taken, PATIENCE, lambda: more + hub.output()[-4000:])

    def _count(self) -> int:
        return self._outside.count("direction = 'inbound'")

    def _settle(self, hub: Victim) -> None:
        """Until every acknowledged message has taken effect and nothing is under way; or nothing moves any more."""
        accepted, last, since = len(self._campaign.ledger.read()), (-1, -1), time.monotonic()
        while True:
            effects = int(self._outside.fetch("SELECT count(DISTINCT msg_id) FROM effects")[0][0])
            now = (effects, self._outside.unsettled())
            if now == (accepted, 0):
                return
            if now != last:
                last, since = now, time.monotonic()
            elif time.monotonic() > since + (PATIENCE if now[1] else self._quiet):
                if now[1]:
                    raise TimeoutError(f"{now[1]} jobs have not ended\n{hub.output()[-4000:]}")
                return
            time.sleep(0.1)

    def _effects(self) -> list[str]:
        order = "seq" if self._outside.dialect in _IN_ORDER else "rowid"
        return [row[0] for row in self._outside.fetch(f"SELECT msg_id FROM effects ORDER BY {order}")]

    # ------------------------------------------------------------------------------------------------ what came of it

    async def _at_the_broker(self) -> list[str]:
        """Nothing waits there for good: offsets and acknowledgements follow the rows."""
        left = await self._line.waiting()
        deadline = time.monotonic() + 15
        while left and time.monotonic() < deadline:
            await asyncio.sleep(0.2)
            left = await self._line.waiting()
        return [f"I7 {left} messages wait at the broker, acknowledged to nobody"] if left else []

    async def _sent_out(self) -> tuple[list[str], list[str]]:
        if not self._forwards:
            return [], []
        sql = "SELECT id, payload FROM queue_jobs WHERE handler = 'publish' AND statusid = 3"
        rows = await asyncio.to_thread(self._outside.fetch, sql)
        found = await self._line.sent()
        violations = list(judge.sent_out({row[0]: json.loads(row[1])["of"] for row in rows}, found))
        return violations, [f"sent out {len(rows)}, at the broker {len(found)}, {judge.repeated(found)} repeated"]

    def _recovered(self) -> list[str]:
        return [
            f"{what}: recovered after {', '.join(f'{one:.1f}' for one in seconds)} s"
            for what, seconds in sorted(self._recoveries.items())
        ]

    def _said(self) -> str:
        return (self._folder / "sender.log").read_text(errors="replace")[-3000:]

    def _document(self) -> dict[str, object]:
        route = {
            "name": "siege",
            "from": "line",
            "topic": self._line.into,
            "handler": FORWARDING if self._forwards else EFFECTFUL,
            "ordering_key": "payload.key",
        }
        return {
            "database": {"url": self._outside.url},
            "http": {"host": "127.0.0.1", "port": free_port()},
            "jobs": {
                "enabled": True,
                "workers": 10,
                "lease": "2s",
                "poll_interval": 0.2,
                "max_crashes": 1000,
                "shutdown_timeout": "10s",
            },
            "handlers": ["tests.faults.handlers"],
            "adapters": {"line": self._line.broker.settings()},
            "routes": [{**route, "dedupe_key": "payload.id"} if self._deduped else route],
        }
