"""Servers that are sockets, which say what bytes they are told to, and a client that a carrier carries to them."""

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

from runner.carrier import Carrier
from runner.client import Client
from runner.nouns import Reply, Request

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


def tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(PEM)
    return context


def trusting() -> Carrier:
    return Carrier(tls=ssl.create_default_context(cafile=PEM))
