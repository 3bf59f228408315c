"""A request is carried once; what is known of one that failed is the same whoever carries it."""

import asyncio
import socket
import struct

import httpx
import pytest
from asking import KEY, READY, REQUEST, load
from sockets import (
    CARRIERS,
    HALF_A_MINUTE,
    SOON,
    WHOLE,
    Handler,
    Make,
    Server,
    answer,
    answering,
    deaf,
    for_ever,
    send,
    send_much,
    silent,
    talk,
    tls,
    trusting,
)

from runner.carrier import Carrier
from runner.carrier.answer import LARGEST_HEAD
from runner.client import Client
from runner.nouns import Concern, Refused, Reply, Unknown

# --- what is known afterwards --------------------------------------------------------------------------------------


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


# --- nothing was sent ----------------------------------------------------------------------------------------------


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
