"""A request is carried once; what is known of one that failed is the same whoever carries it."""

import asyncio
import json
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from asking import KEY, READY, REQUEST, SUCCESS, load

from runner.carrier import Carrier, carrier
from runner.carrier.answer import LARGEST_HEAD, Answer
from runner.carrier.connection import AHEAD
from runner.client import Client
from runner.nouns import Concern, Refused, Reply, Request, Unknown

PEM = Path(__file__).parent / "localhost.pem"


def answer(body: bytes, status: bytes = b"200 OK") -> bytes:
    return b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body)


SAID = json.dumps(SUCCESS).encode()
WHOLE = answer(SAID)
HALF_A_MINUTE = httpx.Timeout(30.0)
SOON = httpx.Timeout(0.1, connect=0.2)

CARRIERS = [pytest.param(Carrier, id="carrier"), pytest.param(httpx.AsyncHTTPTransport, id="httpx")]
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Make = Callable[[], httpx.AsyncBaseTransport]


async def heard(reader: asyncio.StreamReader) -> bytes:
    """Return one request, head and body."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
    return head + await reader.readexactly(length)


class Server:
    """A socket whose connections follow a list of handlers, the last one again when it is over."""

    def __init__(self, *handlers: Handler, tls: ssl.SSLContext | None = None) -> None:
        self.handlers = handlers
        self.tls = tls
        self.connections = 0
        self.closed = 0
        self.tasks: set[asyncio.Task[None]] = set()

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        handler = self.handlers[min(self.connections, len(self.handlers) - 1)]
        self.connections += 1
        try:
            await handler(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self.closed += 1
            writer.close()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        async with await asyncio.start_server(self.handle, "127.0.0.1", 0, ssl=self.tls) as server:
            port = server.sockets[0].getsockname()[1]
            yield f"https://localhost:{port}" if self.tls else f"http://127.0.0.1:{port}"
            for task in self.tasks:
                task.cancel()
            await asyncio.gather(*self.tasks)


def answering(*answers: bytes, reset: bool = False) -> Handler:
    """Answer one request after the other, then close."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            await heard(reader)
            writer.write(answer)
            await writer.drain()
        if reset:
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

    return handle


async def for_ever(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        await heard(reader)
        writer.write(WHOLE)


async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


async def deaf(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await writer.wait_closed()


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110  # what is waited for happens in this loop, and sets no event
        await asyncio.sleep(0)


def talk(
    server: Server,
    say: Callable[[Client], Awaitable[Reply]],
    make: Make = Carrier,
    timeout: httpx.Timeout = HALF_A_MINUTE,
) -> Reply:
    async def session() -> Reply:
        async with (
            server.listening() as url,
            httpx.AsyncClient(base_url=url, timeout=timeout, transport=make(), trust_env=False) as http,
        ):
            return await say(Client(http, load=load, key=KEY))

    return asyncio.run(session())


async def send(client: Client) -> Reply:
    return await client.send(REQUEST)


async def send_twice(client: Client) -> Reply:
    assert await client.send(REQUEST) == READY
    return await client.send(REQUEST)


async def send_much(client: Client) -> Reply:
    return await client.send(Request(endpoint="text2img", parameters={"prompt": "x" * 50_000_000}))


# --- what is known afterwards -------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", CARRIERS)
@pytest.mark.parametrize(
    "handler",
    [
        pytest.param(answering(b""), id="no answer"),
        pytest.param(answering(b"", reset=True), id="no answer, and a reset"),
        pytest.param(answering(b"HTTP/1.1 200 OK\r\nContent-Le"), id="half a head"),
        pytest.param(answering(WHOLE[:-9]), id="half a body"),
        pytest.param(answering(WHOLE[:-9], reset=True), id="half a body, and a reset"),
        pytest.param(answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{"), id="half a chunk"),
        pytest.param(answering(b"SSH-2.0-OpenSSH_9.2\r\n"), id="not HTTP"),
        pytest.param(answering(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 2 * LARGEST_HEAD), id="a head without end"),
        pytest.param(answering(b"HTTP/1.1 100 Continue\r\n\r\n"), id="go on, and nothing"),
    ],
)
def test_a_request_that_was_sent_and_not_answered_whole_is_unknown(handler: Handler, make: Make) -> None:
    server = Server(handler)

    reply = talk(server, send, make)

    assert isinstance(reply, Unknown)
    assert reply.message.startswith("no whole answer from http://127.0.0.1:")
    assert reply.message.endswith("; it may have been made")
    assert server.connections == 1


@pytest.mark.parametrize("make", CARRIERS)
def test_a_connection_that_is_reset_as_soon_as_it_stands_may_have_taken_the_request(make: Make) -> None:
    async def session() -> Reply:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.setblocking(False)
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            async with httpx.AsyncClient(base_url=url, transport=make()) as http:
                sent = asyncio.create_task(Client(http, load=load, key=KEY).send(REQUEST))
                accepted, _ = await asyncio.get_running_loop().sock_accept(listener)
                accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                accepted.close()
                return await sent

    assert isinstance(asyncio.run(session()), Unknown)


@pytest.mark.parametrize("make", CARRIERS)
def test_a_server_that_says_nothing_in_its_time_is_unknown(make: Make) -> None:
    reply = talk(Server(silent), send, make, SOON)

    assert isinstance(reply, Unknown)
    assert "ReadTimeout" in reply.message


@pytest.mark.parametrize("make", CARRIERS)
def test_a_server_that_stops_reading_is_unknown(make: Make) -> None:
    reply = talk(Server(deaf), send_much, make, SOON)

    assert isinstance(reply, Unknown)
    assert "WriteTimeout" in reply.message


@pytest.mark.parametrize("make", CARRIERS)
def test_a_refusal_that_comes_before_all_is_sent_is_understood(make: Make) -> None:
    async def too_much(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer(b'{"status": "error", "message": "too much"}', b"413 Content Too Large"))
        while await reader.read(2**20):
            pass

    reply = talk(Server(too_much), send_much, make)

    assert reply == Refused(concern=Concern.CELL, message="too much", status=413)


def test_a_connection_whose_request_was_not_sent_whole_is_not_used_again() -> None:
    async def too_much(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer(b'{"status": "error", "message": "too much"}', b"413 Content Too Large"))
        await writer.wait_closed()

    async def much_then_little(client: Client) -> Reply:
        assert isinstance(await send_much(client), Refused)
        return await client.send(REQUEST)

    server = Server(too_much, for_ever)

    assert talk(server, much_then_little) == READY
    assert server.connections == 2


# --- nothing was sent ---------------------------------------------------------------------------------------------


def nothing_sent(url: str, make: Make, timeout: httpx.Timeout = HALF_A_MINUTE) -> str:
    """Return why a target could not be reached; a reply that may have cost something fails."""

    async def session() -> Reply:
        async with httpx.AsyncClient(base_url=url, timeout=timeout, transport=make()) as http:
            return await Client(http, load=load, key=KEY).send(REQUEST)

    reply = asyncio.run(session())
    assert isinstance(reply, Refused)
    assert (reply.concern, reply.unsent) == (Concern.LATER, True)
    assert reply.message.startswith(f"nothing was sent to {url}: ")
    return reply.message.removeprefix(f"nothing was sent to {url}: ")


@pytest.mark.parametrize("make", CARRIERS)
def test_a_refused_connection_sent_nothing(make: Make) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        assert nothing_sent(f"http://127.0.0.1:{bound.getsockname()[1]}", make).startswith("ConnectError: ")


@pytest.mark.parametrize("make", CARRIERS)
def test_a_name_that_nobody_knows_sent_nothing(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)

    assert "Name or service not known" in nothing_sent("http://nowhere.invalid", make)


def test_a_name_that_no_name_server_can_know_sent_nothing() -> None:
    assert nothing_sent(f"http://{'a' * 64}.invalid", Carrier).startswith("ConnectError: ")


@pytest.mark.parametrize("make", CARRIERS)
def test_a_host_that_does_not_answer_in_its_time_sent_nothing(make: Make) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, socket.socket() as first:
        first.connect(full.getsockname())  # a queue of none holds one; for the next the system stays silent
        assert nothing_sent(f"http://127.0.0.1:{full.getsockname()[1]}", make, SOON).startswith("ConnectTimeout")


def tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(PEM)
    return context


def trusting() -> Carrier:
    return Carrier(tls=ssl.create_default_context(cafile=PEM))


@pytest.mark.parametrize("make", CARRIERS)
def test_a_certificate_that_nobody_signed_sent_nothing(make: Make) -> None:
    reply = talk(Server(for_ever, tls=tls()), send, make)

    assert isinstance(reply, Refused)
    assert "nothing was sent to https://localhost:" in reply.message
    assert "certificate verify failed" in reply.message


def test_a_certificate_of_another_host_sent_nothing() -> None:
    async def session() -> Reply:
        async with Server(for_ever, tls=tls()).listening() as url:
            other = url.replace("localhost", "127.0.0.1")
            async with httpx.AsyncClient(base_url=other, transport=trusting()) as http:
                return await Client(http, load=load, key=KEY).send(REQUEST)

    reply = asyncio.run(session())
    assert isinstance(reply, Refused)
    assert "IP address mismatch" in reply.message


def test_what_is_not_the_web_is_not_carried() -> None:
    async def session() -> None:
        async with httpx.AsyncClient(transport=Carrier()) as http:
            await http.get("ftp://host/file")

    with pytest.raises(httpx.UnsupportedProtocol):
        asyncio.run(session())


@pytest.mark.parametrize("name", ["X-A\r\nX-B", "X-A\nX-B", "X\0"])
def test_a_header_that_would_break_the_request_apart_is_not_sent(name: str) -> None:
    server = Server(for_ever)

    async def session() -> None:
        async with server.listening() as url, httpx.AsyncClient(transport=Carrier()) as http:
            await http.get(url, headers={name: "1"})

    with pytest.raises(httpx.LocalProtocolError):
        asyncio.run(session())
    assert server.connections == 0


# --- connections --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("secure", [False, True])
def test_one_request_after_the_other_goes_over_one_connection(*, secure: bool) -> None:
    server = Server(for_ever, tls=tls() if secure else None)

    assert talk(server, send_twice, trusting) == READY
    assert server.connections == 1


@pytest.mark.parametrize("make", CARRIERS)
@pytest.mark.parametrize("reset", [False, True])
def test_a_connection_that_the_server_closed_meanwhile_is_not_used(make: Make, *, reset: bool) -> None:
    server = Server(answering(WHOLE, reset=reset), for_ever)

    assert talk(server, send_twice, make) == READY
    assert server.connections == 2


@pytest.mark.parametrize("make", CARRIERS)
def test_a_connection_that_the_server_closes_on_the_second_request_may_have_taken_it(make: Make) -> None:
    server = Server(answering(WHOLE, b""), for_ever)

    assert isinstance(talk(server, send_twice, make), Unknown)
    assert server.connections == 1


def test_a_connection_that_rested_too_long_is_not_used() -> None:
    server = Server(for_ever)

    assert talk(server, send_twice, lambda: Carrier(kept=-1.0)) == READY
    assert server.connections == 2


def test_a_connection_that_says_close_is_not_used_again() -> None:
    server = Server(answering(WHOLE.replace(b"OK\r\n", b"OK\r\nConnection: close\r\n"), WHOLE), for_ever)

    assert talk(server, send_twice) == READY
    assert server.connections == 2


@pytest.mark.parametrize("extra", [answer(b'{"status": "error", "message": "stale"}'), b"\r\n", b"junk"])
def test_what_a_server_says_unasked_is_never_the_answer_to_the_next_request(extra: bytes) -> None:
    server = Server(answering(WHOLE + extra, WHOLE), for_ever)

    assert talk(server, send_twice) == READY


def test_as_many_connections_stand_as_there_are_requests_at_once_and_none_is_left() -> None:
    server = Server(for_ever)

    async def session() -> None:
        async with server.listening() as url:
            async with httpx.AsyncClient(base_url=url, transport=Carrier()) as http:
                client = Client(http, load=load, key=KEY)
                for _ in range(3):
                    assert await asyncio.gather(*(client.send(REQUEST) for _ in range(20))) == [READY] * 20
            await until(lambda: server.closed == server.connections)

    asyncio.run(session())
    assert server.connections == 20


def test_a_request_that_is_cancelled_closes_its_connection_and_no_other() -> None:
    server = Server(silent, for_ever)

    async def cancelled(client: Client) -> Reply:
        first = asyncio.create_task(client.send(REQUEST))
        await until(lambda: server.connections == 1)
        assert await client.send(REQUEST) == READY
        first.cancel()
        await until(lambda: server.closed == 1)
        return await client.send(REQUEST)

    assert talk(server, cancelled) == READY
    assert server.connections == 2


def test_a_body_that_nobody_takes_is_not_read_into_memory() -> None:
    async def session() -> tuple[int, int]:
        async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await heard(reader)
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            while True:
                writer.write(bytes(2**16))
                await writer.drain()

        async with (
            Server(endless).listening() as url,
            httpx.AsyncClient(transport=Carrier()) as http,
            http.stream("GET", url) as response,
        ):
            answer = response.stream._stream._answer  # type: ignore[attr-defined]
            await until(lambda: answer.held > AHEAD)
            for _ in range(1000):
                await asyncio.sleep(0)
            held, taken = answer.held, 0
            async for piece in response.aiter_raw():
                taken += len(piece)
                if taken > 4 * held:
                    break
            return held, taken

    held, taken = asyncio.run(session())
    assert AHEAD < held <= AHEAD + 2**16
    assert taken > 4 * held


def test_a_body_of_unknown_length_is_sent_with_its_length() -> None:
    asked: list[bytes] = []

    async def keep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await heard(reader))
        writer.write(WHOLE)

    async def pieces() -> AsyncIterator[bytes]:
        yield b"one, "
        yield b"two"

    async def session() -> None:
        async with Server(keep).listening() as url, httpx.AsyncClient(transport=Carrier()) as http:
            await http.post(url, content=pieces())

    asyncio.run(session())
    head, _, body = asked[0].partition(b"\r\n\r\n")
    assert (head.lower().count(b"content-length: 8"), head.lower().count(b"transfer"), body) == (1, 0, b"one, two")


@pytest.mark.parametrize("name", ["HTTP_PROXY", "https_proxy", "ALL_PROXY"])
def test_where_the_environment_names_a_proxy_httpx_carries(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(carrier(), Carrier)
    monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert carrier() is None


# --- answers ------------------------------------------------------------------------------------------------------


def read(data: bytes, *, bodiless: bool = False, at_once: int = 1) -> tuple[int, bytes, bytes, bool]:
    """Return status, reason, body and whether the connection lasts, of an answer that comes in pieces of that size."""
    found = Answer(bodiless=bodiless)
    for start in range(0, len(data), at_once):
        found.feed(data[start : start + at_once])
    if not found.whole:
        found.close()
    return found.status, found.reason, b"".join(iter(found.take, b"")), found.lasting


@pytest.mark.parametrize("at_once", [1, 7, 10_000])
@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", (200, b"OK", b"hello", True)),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", (200, b"OK", b"", True)),
        (b"HTTP/1.1 204 No Content\r\n\r\n", (204, b"No Content", b"", True)),
        (b"HTTP/1.1 200 OK\r\n\r\nhello", (200, b"OK", b"hello", False)),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", (200, b"OK", b"hello", False)),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello", (200, b"OK", b"hello", False)),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + WHOLE, (200, b"OK", SAID, True)),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;a=b\r\nlo\r\n0\r\nX: 1\r\n\r\n",
            (200, b"OK", b"hello", True),
        ),
        (WHOLE + WHOLE, (200, b"OK", SAID, False)),
    ],
)  # fmt: skip
def test_an_answer_is_read_however_it_is_framed_and_comes(
    data: bytes, told: tuple[int, bytes, bytes, bool], at_once: int
) -> None:
    assert read(data, at_once=at_once) == told


def test_the_answer_to_a_head_has_no_body_whatever_it_says() -> None:
    assert read(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", bodiless=True) == (200, b"OK", b"", False)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nhello",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;" + b"x" * 2 * LARGEST_HEAD,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: " + b"x" * 2 * LARGEST_HEAD,
        b"HTTP/2 200\r\n\r\n",
        b"<html>",
    ],
)
def test_an_answer_that_is_none_or_not_whole_is_refused(data: bytes) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        read(data, at_once=1000)
