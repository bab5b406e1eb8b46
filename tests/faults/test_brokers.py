"""Fault 6, in short: a broker is killed under load, and beside it the hub and the database. What the broker had
acknowledged has one row and one effect; what the hub sends out is there, whichever of them dies. The long form:
`python -m tests.faults.report --only brokers --jobs 50000`.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.faults.brokers.line import Line, line_of, service_of
from tests.faults.brokers.scenes import CONTROLS, IN_SHORT, KINDS, OUT_SHORT, Wrong, besiege, members, wrong
from tests.faults.brokers.siege import DATABASE
from tests.faults.campaign import Campaign
from tests.faults.outside import Outside
from tests.faults.scale import wanted_seconds
from tests.servers import MariadbService, PostgresService, Service, Unavailable

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
MESSAGES = 1000


def _marked(kind: str) -> object:
    return pytest.param(kind, marks=getattr(pytest.mark, {"hivemq": "mqtt"}.get(kind, kind)), id=kind)


EACH = [_marked(kind) for kind in KINDS]


@pytest.fixture(scope="module")
def broker_of() -> Iterator[Callable[[str], Service]]:
    """One broker of each kind for all of these tests, which kill it and start it again. A broker's start is as long as
    all that happens to it."""
    made: dict[str, Service] = {}
    with ExitStack() as after:

        def of(kind: str) -> Service:
            if kind not in made:
                try:
                    made[kind] = service_of(kind)
                except Unavailable as reason:
                    pytest.skip(str(reason))
                after.callback(made[kind].close)
            return made[kind]

        yield of


@pytest.fixture
def line(request: pytest.FixtureRequest, broker_of: Callable[[str], Service]) -> Line:
    return line_of(broker_of(request.param))


@pytest.fixture
def hurt(own_postgres: PostgresService, folder: Path, seed: int) -> Iterator[Campaign]:
    """A campaign on a server that may be killed."""
    with Outside.of(own_postgres.create_database("siege")) as outside:
        outside.prepare()
        yield Campaign(outside, folder, seed=seed)


@pytest.fixture
def hurt_on_mariadb(own_mariadb: MariadbService, folder: Path, seed: int) -> Iterator[Campaign]:
    with Outside.of(own_mariadb.create_database("siege")) as outside:
        outside.prepare()
        yield Campaign(outside, folder, seed=seed)


@pytest.mark.postgres
@pytest.mark.parametrize("line", EACH, indirect=True)
def test_broker_hub_and_database_killed_under_load(
    line: Line, hurt: Campaign, own_postgres: PostgresService, folder: Path
) -> None:
    tally = besiege(hurt, folder, line, MESSAGES, IN_SHORT, database=own_postgres)
    assert tally.verdict.clean, str(tally)
    assert (tally.verdict.accepted, tally.verdict.effects) == (MESSAGES, MESSAGES)
    assert tally.landed.total() == len(IN_SHORT)


@pytest.mark.mariadb
@pytest.mark.parametrize("line", [_marked("kafka")], indirect=True)
def test_on_mariadb_too(line: Line, hurt_on_mariadb: Campaign, own_mariadb: MariadbService, folder: Path) -> None:
    tally = besiege(hurt_on_mariadb, folder, line, MESSAGES, IN_SHORT, database=own_mariadb)
    assert tally.verdict.clean, str(tally)
    assert (tally.verdict.accepted, tally.verdict.effects) == (MESSAGES, MESSAGES)
    assert tally.landed.total() == len(IN_SHORT)


@pytest.mark.kafka
@pytest.mark.postgres
def test_members_that_join_and_leave(
    outside_postgres: Outside, broker_of: Callable[[str], Service], folder: Path, seed: int
) -> None:
    """HUB_FAULT_SECONDS makes it longer; the long form is a minute and more."""
    campaign = Campaign(outside_postgres, folder, seed=seed)
    tally = members(broker_of("kafka"), campaign, folder, MESSAGES, wanted_seconds(10))
    assert tally.verdict.clean, str(tally)
    assert (tally.verdict.accepted, tally.verdict.effects) == (MESSAGES, MESSAGES)
    assert tally.landed["member killed"] >= 1
    assert tally.landed["member left"] >= 1


@pytest.mark.parametrize("line", EACH, indirect=True)
def test_what_is_sent_while_the_broker_is_killed_arrives(
    line: Line, outside_sqlite: Outside, folder: Path, seed: int
) -> None:
    campaign = Campaign(outside_sqlite, folder, seed=seed)
    tally = besiege(campaign, folder, line, MESSAGES // 3, OUT_SHORT, forwards=True)
    assert tally.verdict.clean, str(tally)
    assert tally.landed.total() == len(OUT_SHORT)
    assert DATABASE not in tally.landed


@pytest.mark.parametrize(
    "control",
    [pytest.param(one, marks=getattr(pytest.mark, one.kind), id=f"{one.kind}: {one.name}") for one in CONTROLS],
)
def test_the_oracle_notices(
    control: Wrong, outside_sqlite: Outside, broker_of: Callable[[str], Service], folder: Path, seed: int
) -> None:
    """The negative controls: the same, with one thing wrong."""
    tally = wrong(control, broker_of(control.kind), Campaign(outside_sqlite, folder, seed=seed), folder, 300)
    verdict = tally.verdict
    assert getattr(verdict, control.breaks, None) or verdict.breaks(control.breaks), str(tally)
