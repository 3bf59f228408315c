"""Connections are used again as long as they are whole, and none is left; an answer is taken as it comes."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from asking import KEY, READY, REQUEST, load
from sockets import (
    CARRIERS,
    WHOLE,
    Make,
    Server,
    answer,
    answering,
    for_ever,
    heard,
    send_twice,
    silent,
    talk,
    tls,
    trusting,
    until,
)

from runner.carrier import Carrier, carrier
from runner.carrier.connection import AHEAD
from runner.client import Client
from runner.nouns import Reply, Unknown


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
