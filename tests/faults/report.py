"""The long form: `python -m tests.faults.report --jobs 20000` runs every campaign on each database and prints a table.

The negative controls belong to it: each must fail, or the rest proves nothing. kill -9 does not test a loss of power,
and one machine does not test replication. The exit status is 0 if all came out as it must.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self

from tests.faults.brokers import scenes as brokers
from tests.faults.brokers.line import service_of
from tests.faults.campaign import Campaign, Tally
from tests.faults.children import kill_children
from tests.faults.controls import Control
from tests.faults.door import Door
from tests.faults.engine import Work
from tests.faults.generator import insert_async
from tests.faults.handlers import BATCH_KINDS, KINDS, POOL_KINDS, SEVERAL_KINDS, SHARED_KINDS, SYNC_KINDS
from tests.faults.mix import Mix
from tests.faults.outside import Outside
from tests.faults.points import ACCEPTING, LOCKLESS, WORKING, Point
from tests.faults.several import Several
from tests.faults.waiting import until_async
from tests.servers import MariadbService, PostgresService, Unavailable

Server = PostgresService | MariadbService

EACH = ("sqlite", "postgresql", "mariadb")
SERVERS = ("postgresql", "mariadb")
"""Those that take more than one process."""
WAYS = {
    "shared transaction": SHARED_KINDS,
    "batches": BATCH_KINDS,
    "threads": SYNC_KINDS,
    "process pool": POOL_KINDS,
}
_A_LIFE = 150
_TORN = (Point.BEFORE_LAST_UPDATE, Point.BEFORE_COMMIT)


class Servers:
    """The databases that scenes are played on, each started when the first scene needs it."""

    def __init__(self) -> None:
        self._started = ExitStack()
        self._servers: dict[str, Server] = {}

    def of(self, kind: str) -> Server:
        """The server of `postgresql` or `mariadb`. Raises Unavailable."""
        if kind not in self._servers:
            server: Server = PostgresService() if kind == "postgresql" else MariadbService()
            self._started.enter_context(server)
            self._servers[kind] = server
        return self._servers[kind]

    def under(self, outside: Outside) -> Server:
        """The server that has this database."""
        return self.of("mariadb" if outside.dialect == "mysql" else outside.dialect)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._started.close()


@dataclass(frozen=True)
class Scene:
    """One row of the table. `act` plays it; `breaks` says what a control must bring about: `lost`, `duplicates`, or an
    invariant."""

    name: str
    databases: Sequence[str]
    act: Callable[[Campaign, Path, int], Tally]
    control: Sequence[Control] = ()
    breaks: str = ""
    work: Work | None = None
    kinds: Sequence[str] = KINDS


def scenes(servers: Servers, seconds: float) -> Sequence[Scene]:
    return [
        Scene("killed at each point of an attempt", EACH, _killed),
        Scene("killed, then left to recover", EACH, _recovered),
        *_of_ways(),
        Scene("hub killed at each point behind HTTP", EACH, _killed_behind_its_door),
        Scene("frozen past the lease", SERVERS, _frozen),
        Scene("robbed by another", ("sqlite",), _robbed),
        Scene("two workers share", SERVERS, _shared),
        Scene(
            "server killed under load",
            SERVERS,
            lambda campaign, folder, jobs: _away(campaign, servers.under(campaign.outside), jobs),
            work=Work(lease=4.0, rescue_interval=0.5),
        ),
        Scene("random mix", EACH, lambda campaign, folder, jobs: _mixed(campaign, seconds)),
        Scene("control: effects committed first", EACH, _torn, [Control.EFFECTS_FIRST], "duplicates"),
        Scene("control: no fence", SERVERS, _frozen, [Control.NO_FENCE], "duplicates"),
        Scene("control: no fence", ("sqlite",), _robbed, [Control.NO_FENCE], "duplicates"),
        Scene("control: answer before the commit", EACH, _answered, [Control.ANSWER_FIRST], "lost"),
        Scene("control: no dedupe key", EACH, _answered, [Control.NO_DEDUPE], "duplicates"),
        *_of_brokers(servers),
    ]


def _of_ways() -> Iterator[Scene]:
    """The other ways of running a handler. `--only way:` plays these."""
    work = Work(groups=1, max_retries=1000)
    for name, kinds in WAYS.items():
        yield Scene(f"way: {name}, killed at each point", EACH, _killed, work=work, kinds=kinds)
        breaks = "I2" if kinds is POOL_KINDS else "duplicates"  # what a child of the pool leaves is sent, not written
        control = [Control.EFFECTS_FIRST]
        yield Scene(f"control: way: {name}, effects committed first", EACH, _torn, control, breaks, work, kinds)
    yield Scene("way: process pool, its children killed", EACH, _children_killed, work=work, kinds=POOL_KINDS)
    yield Scene("way: two processes, killed at each point", SERVERS, _processes_killed, kinds=SEVERAL_KINDS)
    control = [Control.EFFECTS_FIRST]
    yield Scene(
        "control: way: two processes, effects committed first",
        SERVERS,
        _processes_torn,
        control,
        "duplicates",
        kinds=SEVERAL_KINDS,
    )
    yield Scene("way: two processes, the supervisor killed", SERVERS, _supervisors_killed, kinds=SEVERAL_KINDS)


def _of_brokers(servers: Servers) -> Iterator[Scene]:
    """`--only brokers` plays these, `--only brokers-kafka` those of one."""
    for kind in brokers.KINDS:
        into, out = partial(_besieged, kind, servers, False), partial(_besieged, kind, servers, True)
        yield Scene(f"brokers-{kind}: in, with broker, hub and database killed", EACH, into)
        yield Scene(f"brokers-{kind}: on to another topic, the same", ("postgresql",), out)
    yield Scene("brokers-kafka: members join and leave every two seconds", ("postgresql",), _turned_over)
    for wrong in brokers.CONTROLS:
        act = partial(_misled, wrong)
        yield Scene(f"control: brokers-{wrong.kind}, {wrong.name}", ("sqlite",), act, breaks=wrong.breaks)


# ------------------------------------------------------------------------------------------------------------ the acts


def _killed(campaign: Campaign, folder: Path, jobs: int) -> Tally:
    return campaign.kill_by_kill(jobs, a_life=_A_LIFE)


def _recovered(campaign: Campaign, folder: Path, jobs: int) -> Tally:
    kills = min(30, max(3, jobs // 500))
    return campaign.kill_and_recover(kills, jobs // kills)


def _robbed(campaign: Campaign, folder: Path, jobs: int) -> Tally:
    return campaign.robbed(jobs)


def _shared(campaign: Campaign, folder: Path, jobs: int) -> Tally:
    return campaign.side_by_side(jobs)


def _children_killed(campaign: Campaign, folder: Path, jobs: int) -> Tally:
    return kill_children(campaign, jobs, kills=max(6, jobs // 100))


def _processes_killed(campaign: Campaign, folder: Path, jobs: int) -> Tally:
    return Several(campaign, folder).kill_workers(jobs, a_life=_A_LIFE)


def _processes_torn(campaign: Campaign, folder: Path, jobs: int) -> Tally:
    return Several(campaign, folder).kill_workers(min(jobs, 2000), a_life=_A_LIFE, points=_TORN)


def _supervisors_killed(campaign: Campaign, folder: Path, jobs: int) -> Tally:
    return Several(campaign, folder).kill_supervisors(jobs, kills=max(3, jobs // 500))


def _torn(campaign: Campaign, folder: Path, jobs: int) -> Tally:
    return campaign.kill_by_kill(jobs, a_life=_A_LIFE, points=_TORN)


def _frozen(campaign: Campaign, folder: Path, jobs: int) -> Tally:
    return campaign.beside_a_zombie(jobs, zombies=max(4, jobs // 500), points=LOCKLESS)


def _killed_behind_its_door(campaign: Campaign, folder: Path, jobs: int) -> Tally:
    door = Door(campaign, folder)
    plans = door.random_plans((*ACCEPTING, *WORKING), kills=max(10, jobs // _A_LIFE), a_life=_A_LIFE)
    return asyncio.run(door.run(jobs, plans))


def _answered(campaign: Campaign, folder: Path, jobs: int) -> Tally:
    door = Door(campaign, folder)
    kills = min(40, max(6, jobs // 100))  # senders have patience for so many
    plans = door.random_plans((Point.BEFORE_ACCEPT, Point.BEFORE_ANSWER), kills=kills, a_life=max(20, jobs // 50))
    return asyncio.run(door.run(jobs, plans))


def _mixed(campaign: Campaign, seconds: float) -> Tally:
    return Mix(campaign).run(seconds, 1 if campaign.outside.dialect == "sqlite" else 3)


def _away(campaign: Campaign, server: Server, jobs: int) -> Tally:
    """The server is killed, and started again, a dozen times while the jobs come in."""

    async def hurt() -> None:
        inserting = asyncio.create_task(insert_async(campaign.outside.url, campaign.ledger, jobs))
        for share in range(1, 13):
            await until_async(_ended(campaign.outside, jobs * share // 14), 120, "the work does not go on")
            server.kill9()
            campaign.landed["server killed"] += 1
            await asyncio.to_thread(server.start)
        await inserting

    with campaign.victim() as worker:
        asyncio.run(hurt())
        campaign.outside.settled(120)
        campaign.expect_orderly_end(worker)
    return campaign.settle()


def _besieged(kind: str, servers: Servers, forwards: bool, campaign: Campaign, folder: Path, jobs: int) -> Tally:
    database = None if campaign.outside.dialect == "sqlite" else servers.under(campaign.outside)
    with closing(service_of(kind)) as broker:
        return brokers.long(broker, campaign, folder, jobs, database, forwards=forwards)


def _turned_over(campaign: Campaign, folder: Path, jobs: int) -> Tally:
    with closing(service_of("kafka")) as kafka:
        return brokers.members(kafka, campaign, folder, jobs, seconds=60)


def _misled(wrong: brokers.Wrong, campaign: Campaign, folder: Path, jobs: int) -> Tally:
    with closing(service_of(wrong.kind)) as broker:
        return brokers.wrong(wrong, broker, campaign, folder, min(jobs, 1000))


def _ended(outside: Outside, jobs: int) -> Callable[[], bool]:
    return lambda: outside.count("statusid = 3") >= jobs


# ----------------------------------------------------------------------------------------------------------- the table

_COLUMNS = ("database", "scene", "accepted", "effects", "duplicates", "lost", "failed", "faults landed")
_RECOVERY = ("recovery p50", "p95", "max")


def main(words: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(words)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # that a broker is away is what is wanted
    _say(f"seed {options.seed}, {options.jobs} jobs a scene")
    _say(" | ".join((*_COLUMNS, *_RECOVERY, "seconds", "verdict")))
    right = True
    with Servers() as servers:
        for scene in scenes(servers, options.seconds):
            for database in scene.databases:
                if options.only in scene.name and database in options.database:
                    right &= _play(scene, database, servers, options)
    return 0 if right else 1


def _play(scene: Scene, database: str, servers: Servers, options: argparse.Namespace) -> bool:
    began = time.monotonic()
    with _database(database, servers) as (outside, folder):
        campaign = Campaign(
            outside, folder, seed=options.seed, work=scene.work, control=scene.control, kinds=scene.kinds
        )
        try:
            tally = scene.act(campaign, folder, options.jobs)
        except Unavailable as reason:
            _say(f"{database} | {scene.name} | NOT PLAYED: {reason}")
            return False
        except (TimeoutError, RuntimeError) as error:
            _say(f"{database} | {scene.name} | DID NOT COME TO ITS END: {error}")
            return False
    verdict = tally.verdict
    if scene.breaks:
        right = bool(getattr(verdict, scene.breaks, ())) or verdict.breaks(scene.breaks)
        said = f"fails as it must ({scene.breaks})" if right else "DOES NOT FAIL"
    else:
        right = verdict.clean
        said = "kept" if right else f"BROKEN: {'; '.join(verdict.violations[:3])}"
    figures = (verdict.accepted, verdict.effects, len(verdict.duplicates), len(verdict.lost), verdict.failed)
    cells = (database, scene.name, *figures, tally.landed.total(), *_recovery(tally.recoveries))
    _say(" | ".join(map(str, (*cells, f"{time.monotonic() - began:.0f}", said))))
    _say(f"  landed: {dict(sorted(tally.landed.items()))}")
    for remark in tally.remarks:
        _say(f"  {remark}")
    return right


@contextmanager
def _database(kind: str, servers: Servers) -> Iterator[tuple[Outside, Path]]:
    with tempfile.TemporaryDirectory(prefix="hub-faults-") as name, ExitStack() as after:
        folder = Path(name)
        url = f"sqlite:///{folder / 'hub.db'}"
        if kind != "sqlite":
            server, database = servers.of(kind), f"faults_{time.monotonic_ns()}"
            url = server.create_database(database)
            after.callback(server.drop_database, database)
        with Outside.of(url) as outside:
            outside.prepare()
            yield outside, folder


def _recovery(seconds: Sequence[float]) -> Sequence[str]:
    if len(seconds) < 2:
        return [f"{seconds[0]:.2f} s" if seconds else "-"] * 3
    hundredths = statistics.quantiles(seconds, n=100, method="inclusive")
    return [f"{value:.2f} s" for value in (hundredths[49], hundredths[94], max(seconds))]


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="The fault suite's long form, with its negative controls.")
    parser.add_argument("--jobs", type=int, default=20_000, help="for each scene")
    parser.add_argument("--seconds", type=float, default=120.0, help="how long the random mix goes on")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--only", default="", help="scenes whose name holds this text")
    parser.add_argument("--database", nargs="+", choices=EACH, default=EACH)
    return parser


if __name__ == "__main__":
    sys.exit(main())
