"""The proxy breaks connections exactly where it says, first over plain bytes, then over a real COMMIT."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import pytest

from tests.servers import Direction, Moment, PostgresDatabases, Proxy


class Recorder:
    """A server that keeps what it receives and answers the same in capitals."""

    def __init__(self) -> None:
        self.received = b""
        self.ended = asyncio.Event()
        self.reset = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                self.received += data
                writer.write(data.upper())
                await writer.drain()
        except ConnectionResetError:
            self.reset.set()
        self.ended.set()
        writer.close()


@pytest.fixture
async def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
async def proxy(recorder: Recorder) -> AsyncIterator[Proxy]:
    server = await asyncio.start_server(recorder.serve, "127.0.0.1", 0)
    async with server, Proxy("127.0.0.1", server.sockets[0].getsockname()[1]) as proxy:
        yield proxy


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def ask(self, request: bytes) -> bytes:
        """Send a request and return the answer, which is as long as the request."""
        self.writer.write(request)
        _, answer = await asyncio.gather(self.writer.drain(), self.reader.readexactly(len(request)))
        return answer


Connect = Callable[[], Awaitable[Client]]


@pytest.fixture
async def connect(proxy: Proxy) -> AsyncIterator[Connect]:
    clients: list[Client] = []

    async def connect() -> Client:
        clients.append(Client(*await asyncio.open_connection("127.0.0.1", proxy.port)))
        return clients[-1]

    yield connect
    for client in clients:
        client.writer.transport.abort()


async def test_bytes_pass_unchanged_both_ways_and_an_end_is_an_end(recorder: Recorder, connect: Connect) -> None:
    client = await connect()
    assert await client.ask(b"hello\n") == b"HELLO\n"
    much = bytes(range(97, 123)) * 40_000
    assert await client.ask(much) == much.upper()
    client.writer.write_eof()
    await asyncio.wait_for(recorder.ended.wait(), 30)
    assert await client.reader.read() == b""
    assert not recorder.reset.is_set()


async def test_cut_resets_both_sides_and_lets_new_connections_in(
    recorder: Recorder, proxy: Proxy, connect: Connect
) -> None:
    client = await connect()
    assert await client.ask(b"one\n") == b"ONE\n"
    assert proxy.cut() == 1
    with pytest.raises(ConnectionResetError):
        await asyncio.wait_for(client.reader.readline(), 30)
    await asyncio.wait_for(recorder.reset.wait(), 30)
    assert await (await connect()).ask(b"two\n") == b"TWO\n"
    assert proxy.accepted == 2


async def test_cut_before_the_request_keeps_it_from_the_server(
    recorder: Recorder, proxy: Proxy, connect: Connect
) -> None:
    trigger = proxy.cut_when(b"COMMIT", Moment.BEFORE_REQUEST)
    client = await connect()
    assert await client.ask(b"begin\n") == b"BEGIN\n"
    with pytest.raises(ConnectionResetError):
        await asyncio.wait_for(client.ask(b"COMMIT\n"), 30)
    await asyncio.wait_for(trigger.wait(), 30)
    await asyncio.wait_for(recorder.reset.wait(), 30)
    assert recorder.received == b"begin\n"


async def test_cut_before_the_answer_lets_the_server_have_the_request(
    recorder: Recorder, proxy: Proxy, connect: Connect
) -> None:
    trigger = proxy.cut_when(b"commit", Moment.BEFORE_ANSWER)
    client = await connect()
    with pytest.raises(ConnectionResetError):
        await asyncio.wait_for(client.ask(b"commit\n"), 30)
    assert trigger.fired.is_set()
    assert recorder.received == b"commit\n"


async def test_cut_within_the_answer_gives_the_client_half_of_it(
    recorder: Recorder, proxy: Proxy, connect: Connect
) -> None:
    proxy.cut_when(b"commit", Moment.WITHIN_ANSWER)
    client = await connect()
    client.writer.write(b"commit\n")
    got = await asyncio.wait_for(client.reader.read(100), 30)
    assert got == b"COM"
    with pytest.raises(ConnectionResetError):
        await asyncio.wait_for(client.reader.read(100), 30)
    assert recorder.received == b"commit\n"


async def test_the_answer_to_an_earlier_request_is_not_taken_for_the_marked_one(proxy: Proxy, connect: Connect) -> None:
    trigger = proxy.cut_when(b"commit", Moment.BEFORE_ANSWER, answer=b"COMMIT")
    client = await connect()
    proxy.stall(Direction.DOWN)
    client.writer.write(b"insert\n")
    client.writer.write(b"commit\n")
    await client.writer.drain()
    proxy.resume()
    assert not trigger.fired.is_set()
    with pytest.raises(ConnectionResetError):
        await asyncio.wait_for(client.reader.readuntil(b"COMMIT"), 30)
    assert trigger.fired.is_set()


async def test_a_marker_that_comes_in_pieces_is_found(proxy: Proxy, connect: Connect) -> None:
    trigger = proxy.cut_when(b"mark\ner", Moment.BEFORE_REQUEST)
    client = await connect()
    assert await client.ask(b"a mark\n") == b"A MARK\n"
    with pytest.raises(ConnectionResetError):
        await asyncio.wait_for(client.ask(b"er\n"), 30)
    assert trigger.fired.is_set()


async def test_a_trigger_fires_once(proxy: Proxy, connect: Connect) -> None:
    proxy.cut_when(b"once", Moment.BEFORE_REQUEST)
    first, second = await connect(), await connect()
    with pytest.raises(ConnectionResetError):
        await asyncio.wait_for(first.ask(b"once\n"), 30)
    assert await second.ask(b"once\n") == b"ONCE\n"


async def test_a_one_way_stall_keeps_back_and_loses_nothing(recorder: Recorder, proxy: Proxy, connect: Connect) -> None:
    client = await connect()
    assert await client.ask(b"a\n") == b"A\n"
    proxy.stall(Direction.DOWN)
    answer = asyncio.create_task(client.ask(b"b\n"))
    done, _ = await asyncio.wait([answer], timeout=0.2)
    assert not done
    assert recorder.received == b"a\nb\n"
    proxy.stall(Direction.UP)
    proxy.resume(Direction.DOWN)
    assert await asyncio.wait_for(answer, 30) == b"B\n"
    answer = asyncio.create_task(client.ask(b"c\n"))
    done, _ = await asyncio.wait([answer], timeout=0.2)
    assert not done
    assert recorder.received == b"a\nb\n"
    proxy.resume()
    assert await asyncio.wait_for(answer, 30) == b"C\n"


async def test_a_refusing_proxy_resets_new_connections_only(proxy: Proxy, connect: Connect) -> None:
    before = await connect()
    assert await before.ask(b"a\n") == b"A\n"
    proxy.refuse()
    with pytest.raises(ConnectionResetError):
        await asyncio.wait_for((await connect()).ask(b"b\n"), 30)
    assert await before.ask(b"c\n") == b"C\n"
    proxy.accept()
    assert await (await connect()).ask(b"d\n") == b"D\n"


async def test_a_server_that_is_gone_is_a_reset(recorder: Recorder) -> None:
    server = await asyncio.start_server(recorder.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    async with Proxy("127.0.0.1", port) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(reader.read(), 30)
        writer.close()


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("moment", "committed"),
    [(Moment.BEFORE_REQUEST, 0), (Moment.BEFORE_ANSWER, 1), (Moment.WITHIN_ANSWER, 1)],
    ids=lambda value: value.name.lower() if isinstance(value, Moment) else None,
)
async def test_a_cut_at_commit_leaves_the_row_that_the_moment_says(
    moment: Moment, committed: int, postgres: PostgresDatabases, postgres_url: str, postgres_proxy: Proxy
) -> None:
    direct = await asyncpg.connect(postgres_url)
    await direct.execute("CREATE TABLE effects (id int)")
    through = await asyncpg.connect(postgres_proxy.url_through(postgres_url))
    transaction = through.transaction()
    await transaction.start()
    await through.execute("INSERT INTO effects VALUES (1)")
    trigger = postgres_proxy.cut_when(b"COMMIT;", moment, answer=b"COMMIT\0")
    with pytest.raises((OSError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError)):
        await asyncio.wait_for(transaction.commit(), 30)
    assert trigger.fired.is_set()
    assert through.is_closed()
    # The server has noticed the loss of its client once the lock that the open transaction held is free.
    async with direct.transaction():
        await direct.execute("LOCK TABLE effects")
        assert await direct.fetchval("SELECT count(*) FROM effects") == committed
    await direct.close()
