"""What every test may ask for: a PostgreSQL, MariaDB or SQLite database of its own, and a faulty way to a server.

A server is started once a run, by the first test that needs it. HUB_TEST_POSTGRES_URL and HUB_TEST_MARIADB_URL take the
servers' places (the user must be allowed to create databases). Without either the tests that need one are skipped, or
fail where CI is set.
"""

import logging
import os
import shutil
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from tests.servers import (
    ActiveMqService,
    ExternalMariadb,
    ExternalPostgres,
    HiveMqService,
    KafkaService,
    MariadbDatabases,
    MariadbService,
    MemcachedService,
    MosquittoService,
    PostgresDatabases,
    PostgresService,
    Proxy,
    RabbitMqService,
    RedisService,
    Service,
    Unavailable,
)
from tests.servers.service import started

_S = TypeVar("_S", bound=Service)
_QUARTER = 15 * 60
_AHEAD = 20
"""Seconds within which nearly every test of a whole hub is through."""
LOG_SIZES = pytest.StashKey[dict[str, int]]()


@pytest.fixture(autouse=True)
def _no_quarter_of_an_hour_amid(request: pytest.FixtureRequest) -> None:
    """Every database that is migrated has a schedule that fires each quarter of an hour: a hub that is at work then has
    one row more than a test has made. So no test begins right before that. Those that take longer count by handler."""
    left = _QUARTER - time.time() % _QUARTER
    if left < _AHEAD and "unit" not in request.path.relative_to(request.config.rootpath).parts:
        time.sleep(left + 1)


@pytest.fixture(autouse=True)
def _logging_of_its_own(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A command that a test runs in this process sets up logging: no other test finds its lines in that form, or left
    out."""
    monkeypatch.setattr("hub.telemetry.log._configured", False)
    root = logging.getLogger()
    level = root.level
    yield
    root.setLevel(level)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresDatabases]:
    """The shared PostgreSQL server. Do not hurt it: `own_postgres` is there for that."""
    if url := os.environ.get("HUB_TEST_POSTGRES_URL"):
        yield ExternalPostgres(url)
        return
    with _available(PostgresService) as service:
        yield service


@pytest.fixture
def own_postgres() -> Iterator[PostgresService]:
    """A PostgreSQL server of this test alone, to be killed, frozen and restarted. Ready, with no database made yet."""
    with _available(PostgresService) as service:
        yield service


@pytest.fixture(scope="session")
def postgres_template() -> str:
    """The database that `postgres_url` copies. A folder's conftest.py overrides this with one that it has migrated."""
    return "template1"


@pytest.fixture
def postgres_url(postgres: PostgresDatabases, postgres_template: str) -> Iterator[str]:
    """The URL of a fresh PostgreSQL database, dropped after the test, whoever may still be connected."""
    name = postgres.unique_name()
    url = postgres.create_database(name, template=postgres_template)
    try:
        yield url
    finally:
        postgres.drop_database(name)


@pytest.fixture
async def postgres_proxy(postgres_url: str) -> AsyncIterator[Proxy]:
    """A proxy before the server of `postgres_url`; `postgres_proxy.url_through(postgres_url)` leads through it."""
    async with Proxy.before(postgres_url) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariadbDatabases]:
    """The shared MariaDB server. Do not hurt it: `own_mariadb` is there for that."""
    if url := os.environ.get("HUB_TEST_MARIADB_URL"):
        yield ExternalMariadb(url)
        return
    with _available(MariadbService) as service:
        yield service


@pytest.fixture
def own_mariadb(request: pytest.FixtureRequest) -> Iterator[MariadbService]:
    """A MariaDB server of this test alone, to be killed, frozen and restarted. Ready, with no database made yet. An
    indirect parameter is settings of it."""
    with _available(lambda: MariadbService(getattr(request, "param", None))) as service:
        yield service


@pytest.fixture
def mariadb_url(mariadb: MariadbDatabases) -> Iterator[str]:
    """The URL of a fresh MariaDB database, dropped after the test, whoever may still be connected."""
    name = mariadb.unique_name()
    url = mariadb.create_database(name)
    try:
        yield url
    finally:
        mariadb.drop_database(name)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisService]:
    """The shared Redis server. Do not hurt it: `own_redis` is there for that."""
    with _available(RedisService) as service:
        yield service


@pytest.fixture
def own_redis() -> Iterator[RedisService]:
    """A Redis server of this test alone, to be killed, frozen, flushed and restarted."""
    with _available(RedisService) as service:
        yield service


@pytest.fixture(scope="session")
def memcached_server() -> Iterator[MemcachedService]:
    """The shared Memcached server. Do not hurt it: `own_memcached` is there for that."""
    with _available(MemcachedService) as service:
        yield service


@pytest.fixture
def own_memcached() -> Iterator[MemcachedService]:
    """A Memcached server of this test alone."""
    with _available(MemcachedService) as service:
        yield service


@pytest.fixture(scope="session")
def mosquitto() -> Iterator[MosquittoService]:
    """The shared MQTT broker, with TLS and websockets. Do not hurt it: `own_mosquitto` is there for that."""
    with _available(lambda: MosquittoService(tls=True)) as service:
        yield service


@pytest.fixture
def own_mosquitto() -> Iterator[MosquittoService]:
    """An MQTT broker of this test alone, to be stopped, frozen and restarted."""
    with _available(MosquittoService) as service:
        yield service


@pytest.fixture(scope="session")
def hivemq() -> Iterator[HiveMqService]:
    """A shared MQTT broker that may be killed: it keeps what it has acknowledged. Whoever stops it starts it again."""
    with _available(HiveMqService) as service:
        yield service


@pytest.fixture(scope="session")
def activemq() -> Iterator[ActiveMqService]:
    """The shared ActiveMQ broker. Do not hurt it: `own_activemq` is there for that."""
    with _available(ActiveMqService) as service:
        yield service


@pytest.fixture
def own_activemq() -> Iterator[ActiveMqService]:
    """An ActiveMQ broker of this test alone, to be killed, frozen and restarted."""
    with _available(ActiveMqService) as service:
        yield service


@pytest.fixture(scope="session")
def kafka() -> Iterator[KafkaService]:
    """The shared Kafka broker. Whoever stops it starts it again."""
    with _available(KafkaService) as service:
        yield service


@pytest.fixture
def own_kafka() -> Iterator[KafkaService]:
    """A Kafka broker of this test alone, to be killed, frozen and restarted."""
    with _available(KafkaService) as service:
        yield service


@pytest.fixture(scope="session")
def rabbitmq() -> Iterator[RabbitMqService]:
    """A shared RabbitMQ broker with STOMP: a second opinion, asked where it is installed."""
    try:
        service = RabbitMqService()
    except Unavailable as reason:
        pytest.skip(str(reason))
    with service:
        yield service


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of a SQLite file that does not exist yet."""
    return f"sqlite:///{tmp_path / 'hub.db'}"


def _available(kind: Callable[[], _S]) -> _S:
    try:
        return kind()
    except Unavailable as reason:
        if os.environ.get("CI"):
            pytest.fail(str(reason))
        pytest.skip(str(reason))


def pytest_configure(config: pytest.Config) -> None:
    """Hundreds of processes of the hub are started, and half of such a start is compiling, where the environment has
    Python keep nothing of it: for this run it is kept, in a folder of the run's own."""
    if sys.dont_write_bytecode and "PYTHONPYCACHEPREFIX" not in os.environ:
        folder = tempfile.mkdtemp(prefix="hub-bytecode-")
        config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
        os.environ["PYTHONPYCACHEPREFIX"] = folder
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Remember how much each server had said before this test."""
    item.stash[LOG_SIZES] = {service.identity: service.log_size for service in started}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Show with a failed test what the servers have said since it began."""
    failed = call.excinfo is not None and not call.excinfo.errisinstance(
        (pytest.skip.Exception, pytest.xfail.Exception)
    )
    if failed:
        sizes = item.stash.get(LOG_SIZES, {})
        for service in started:
            if said := service.log(sizes.get(service.identity, 0)):
                item.add_report_section(call.when, f"log of {service.identity}", said)
    return (yield)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """One line a file: what became of its tests, and how long they took. Of several workers no order tells it."""
    if config.getoption("dist", "no") == "no":
        return
    outcomes: defaultdict[str, Counter[str]] = defaultdict(Counter)
    seconds: Counter[str] = Counter()
    for outcome in ("passed", "failed", "error", "skipped", "xfailed"):
        for report in terminalreporter.stats.get(outcome, ()):
            file = report.nodeid.partition("::")[0]
            outcomes[file][outcome] += 1
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                seconds[report.nodeid.partition("::")[0]] += report.duration
    terminalreporter.section("files")
    for file, counts in sorted(outcomes.items()):
        told = ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
        terminalreporter.write_line(f"{seconds[file]:8.1f} s  {file}: {told}")
