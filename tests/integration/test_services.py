"""The launcher of real servers keeps its own promises; every other test rests on them."""

import asyncio
import os
import select
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from threading import Thread

import asyncpg
import pytest

from tests.servers import PostgresDatabases, PostgresService, Service, ServiceFailed, free_port
from tests.servers.process import alive, descendants


def processes_of(service: Service) -> list[int]:
    return [service.pid, *descendants(service.pid)]


async def value(url: str, sql: str) -> object:
    connection = await asyncpg.connect(url, timeout=10)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


@pytest.mark.postgres
async def test_a_server_answers_on_a_port_of_its_own_with_durable_commits(own_postgres: PostgresService) -> None:
    other = PostgresService()
    with other:
        assert other.port != own_postgres.port
        assert await value(other.admin_url, "SHOW fsync") == "on"
        assert await value(own_postgres.admin_url, "SHOW synchronous_commit") == "on"
    assert own_postgres.running


@pytest.mark.postgres
async def test_what_was_committed_survives_kill_9_and_restart(own_postgres: PostgresService) -> None:
    url = own_postgres.create_database("kept")
    port = own_postgres.port
    own_postgres.execute("CREATE TABLE notes (text text); INSERT INTO notes VALUES ('first')", database="kept")

    own_postgres.kill9()
    assert not own_postgres.running
    with pytest.raises(ConnectionRefusedError):
        await value(url, "SELECT text FROM notes")
    own_postgres.start()
    assert own_postgres.port == port
    assert await value(url, "SELECT text FROM notes") == "first"

    own_postgres.restart()
    assert await value(url, "SELECT text FROM notes") == "first"


@pytest.mark.postgres
async def test_kill_9_reaches_a_backend_in_the_middle_of_a_statement(own_postgres: PostgresService) -> None:
    """A backend is in a process group of its own and would outlive its postmaster until it next waits."""
    connection = await asyncpg.connect(own_postgres.admin_url)
    busy = asyncio.create_task(connection.execute("DO 'BEGIN LOOP END LOOP; END'"))
    backends = "SELECT pid FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'DO %'"
    async with asyncio.timeout(30):
        while not (backend := await value(own_postgres.admin_url, backends)):
            pass
    processes = processes_of(own_postgres)
    assert backend in processes
    own_postgres.kill9()
    assert not any(alive(one) for one in processes)
    with pytest.raises((OSError, asyncpg.PostgresError, asyncpg.InterfaceError)):
        await busy


@pytest.mark.postgres
async def test_a_frozen_server_keeps_its_connections_and_answers_once_continued(own_postgres: PostgresService) -> None:
    connection = await asyncpg.connect(own_postgres.admin_url)
    own_postgres.sigstop()
    answer = asyncio.create_task(connection.fetchval("SELECT 42"))
    done, _ = await asyncio.wait([answer], timeout=0.3)
    assert not done
    own_postgres.sigcont()
    assert await answer == 42
    await connection.close()


@pytest.mark.postgres
async def test_a_frozen_server_can_be_stopped(own_postgres: PostgresService) -> None:
    own_postgres.sigstop()
    own_postgres.stop()
    assert not own_postgres.running
    own_postgres.start()
    assert await value(own_postgres.admin_url, "SELECT 1") == 1


@pytest.mark.postgres
def test_close_leaves_neither_process_nor_file(own_postgres: PostgresService) -> None:
    folder = own_postgres.folder
    assert folder is not None
    assert folder.exists()
    processes = processes_of(own_postgres)
    assert len(processes) > 1
    own_postgres.close()
    assert not folder.exists()
    assert not any(alive(one) for one in processes)
    own_postgres.close()


@pytest.mark.postgres
def test_stop_tolerates_never_started_and_twice(own_postgres: PostgresService) -> None:
    never_started = PostgresService()
    never_started.stop()
    never_started.close()
    own_postgres.stop()
    own_postgres.stop()
    assert not own_postgres.running


@pytest.mark.postgres
@pytest.mark.usefixtures("own_postgres")
def test_a_server_ends_with_the_test_run_that_is_killed_and_the_next_run_removes_its_folder() -> None:
    program = (
        "import sys, time; from tests.servers import PostgresService\n"
        "service = PostgresService(); service.start()\n"
        "print(service.pid, service.folder, flush=True); time.sleep(600)"
    )
    root = Path(__file__).resolve().parents[2]
    run = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=root)
    assert run.stdout is not None
    pid, folder = run.stdout.readline().split()
    watch = os.pidfd_open(int(pid))
    try:
        run.kill()
        run.wait(30)
        run.stdout.close()
        _wait_for_end(watch)
    finally:
        os.close(watch)
    assert Path(folder).exists()
    with PostgresService():
        assert not Path(folder).exists()


def _wait_for_end(watch: int) -> None:
    readable, _, _ = select.select([watch], [], [], 30)
    assert readable, "the server still runs"


@pytest.mark.postgres
async def test_a_server_started_from_a_short_lived_thread_stays(own_postgres: PostgresService) -> None:
    own_postgres.stop()
    thread = Thread(target=own_postgres.start)
    thread.start()
    await asyncio.to_thread(thread.join)
    assert await value(own_postgres.admin_url, "SELECT 1") == 1
    assert own_postgres.running


class Refuses(Service):
    """A server that ends at once, saying why, with a status that looks like success."""

    name = "refuses"

    def prepare(self, folder: Path) -> None:
        pass

    def command(self, folder: Path) -> Sequence[str]:
        return ["sh", "-c", "echo the reason is written here"]

    def ready(self) -> bool:
        return False


class Deaf(Refuses):
    """A server that takes its time and does not listen to SIGTERM."""

    name = "deaf"
    stop_timeout = 0.2

    def command(self, folder: Path) -> Sequence[str]:
        return ["sh", "-c", "trap '' TERM; while :; do sleep 60 & touch \"$HOME/up\"; wait $!; done"]

    def ready(self) -> bool:
        return self.folder is not None and (self.folder / "up").exists()


def test_a_server_that_ends_instead_of_starting_says_why() -> None:
    service = Refuses()
    with pytest.raises(ServiceFailed, match=r"(?s)ended with status 0 instead of starting.*the reason is written here"):
        service.start()
    assert not service.running
    assert list(Path("/tmp").glob(f"hub-refuses-{os.getpid()}-*")) == []


def test_a_server_that_ignores_its_signal_is_killed_and_told_on() -> None:
    service = Deaf()
    service.start()
    processes = processes_of(service)
    assert len(processes) > 1
    with pytest.raises(ServiceFailed, match=r"did not stop within 0\.2 s"):
        service.stop()
    assert not any(alive(one) for one in processes)
    service.close()


def test_a_free_port_is_not_one_that_the_system_gives_away() -> None:
    ephemeral = Path("/proc/sys/net/ipv4/ip_local_port_range")
    if not ephemeral.exists():
        pytest.skip("this system does not tell its range of ports")
    lowest = int(ephemeral.read_text().split()[0])
    assert all(free_port() < lowest for _ in range(20))


@pytest.mark.postgres
async def test_each_test_has_a_database_of_its_own(postgres: PostgresDatabases, postgres_url: str) -> None:
    second = postgres.create_database(postgres.unique_name())
    name = await value(second, "SELECT current_database()")
    assert isinstance(name, str)
    assert name != await value(postgres_url, "SELECT current_database()")
    connection = await asyncpg.connect(second)
    postgres.drop_database(name)
    with pytest.raises((OSError, asyncpg.PostgresError, asyncpg.InterfaceError)):
        await connection.fetchval("SELECT 1")


@pytest.mark.postgres
async def test_a_database_can_be_a_copy_of_a_migrated_one(postgres: PostgresDatabases) -> None:
    template, copy = postgres.unique_name(), postgres.unique_name()
    postgres.create_database(template)
    postgres.execute("CREATE TABLE migrated (at text); INSERT INTO migrated VALUES ('once')", database=template)
    try:
        assert await value(postgres.create_database(copy, template=template), "SELECT at FROM migrated") == "once"
    finally:
        postgres.drop_database(copy)
        postgres.drop_database(template)
