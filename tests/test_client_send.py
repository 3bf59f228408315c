"""A request is sent once; what failed decides what is known; the key goes where it must and nowhere else."""

import asyncio
import base64
import logging
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from asking import KEY, PROCESSING, READY, REQUEST, SUCCESS, Script, load, refused, talk
from starlette.responses import JSONResponse, PlainTextResponse

from runner.client import Client, DownloadError, Patience, WithheldError
from runner.nouns import Concern, Queued, Ready, Refused, Reply, Request, Unknown

# --- send ----------------------------------------------------------------------------------------------------------


def test_a_request_is_sent_once_to_its_route_with_the_key_in_its_body() -> None:
    script = Script(SUCCESS)

    reply = talk(script.app(), lambda client: client.send(REQUEST))

    assert reply == READY
    assert script.asked == [
        ("POST", "http://target/api/v1/enterprise/text2img", {**REQUEST.parameters, "key": KEY}),
    ]
    assert KEY not in str(script.headers)


def test_a_local_image_is_loaded_and_sent_as_base64() -> None:
    script = Script(SUCCESS)
    request = Request(endpoint="img2img", parameters={"init_image": "sha256:aa", "base64": "no"})

    talk(script.app(), lambda client: client.send(request))

    assert script.asked[0][2] == {"init_image": base64.b64encode(b"picture").decode(), "base64": "yes", "key": KEY}


@pytest.mark.parametrize(
    ("answer", "reply"),
    [
        (PROCESSING, Queued(remote_id="12", eta=8.0)),
        (
            refused(429, message="the queue is full", retry_after=3),
            Refused(concern=Concern.LATER, message="the queue is full", status=429, retry_after=3.0, crowded=True),
        ),
        (
            JSONResponse({"status": "error", "message": "busy"}, 503, {"Retry-After": "Thu, 01 Jan 1970 00:17:40 GMT"}),
            Refused(concern=Concern.LATER, message="busy", status=503, retry_after=60.0),
        ),
        (refused(401, message="Invalid API key"), Refused(concern=Concern.RUN, message="Invalid API key", status=401)),
        (refused(500, message="oops"), Refused(concern=Concern.LATER, message="oops", status=500)),
        (
            PlainTextResponse("gateway", 502),
            Unknown(message="HTTP 502 Bad Gateway without a word of the contract: 'gateway'"),
        ),
    ],
)
def test_an_answer_is_judged_and_never_asked_for_twice(answer: Any, reply: Reply) -> None:
    script = Script(answer)

    assert talk(script.app(), lambda client: client.send(REQUEST)) == reply
    assert len(script.asked) == 1


@asynccontextmanager
async def raw_server(answer: Callable[[asyncio.StreamWriter], Awaitable[None]]) -> AsyncIterator[str]:
    """A server that reads a request whole and then does with the connection what it is told."""
    writers = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        head = await reader.readuntil(b"\r\n\r\n")
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        await reader.readexactly(int(lengths[0].split(b":")[1]))
        await answer(writer)

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()
        yield f"http://{host}:{port}"
        for writer in writers:
            writer.close()


async def hang_up(writer: asyncio.StreamWriter) -> None:
    writer.close()


async def reset(writer: asyncio.StreamWriter) -> None:
    linger = struct.pack("ii", 1, 0)  # closing sends RST instead of FIN
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()


async def stop_halfway(writer: asyncio.StreamWriter) -> None:
    writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"status": "succ')
    await writer.drain()
    writer.close()


async def say_gibberish(writer: asyncio.StreamWriter) -> None:
    writer.write(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")
    await writer.drain()
    writer.close()


async def say_nothing(_: asyncio.StreamWriter) -> None:
    return


async def say_broken_gzip(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope")
    await writer.drain()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (hang_up, "no whole answer from {url}: RemoteProtocolError: Server disconnected without sending a response."),
        (reset, "no whole answer from {url}: ReadError"),
        (stop_halfway, "no whole answer from {url}: RemoteProtocolError: peer closed connection"),
        (say_gibberish, "no whole answer from {url}: RemoteProtocolError: illegal status line"),
        (say_broken_gzip, "no whole answer from {url}: DecodingError"),
        (say_nothing, "no answer from {url} within 0.2 s; it may have been made"),
    ],
)
def test_what_fails_after_the_request_went_out_is_unknown(
    answer: Callable[[asyncio.StreamWriter], Awaitable[None]], words: str
) -> None:
    async def session() -> tuple[Reply, str]:
        async with raw_server(answer) as url, httpx.AsyncClient(base_url=url) as http:
            return await Client(http, load=load, key=KEY, patience=Patience(answer=0.2)).send(REQUEST), url

    reply, url = asyncio.run(session())
    assert isinstance(reply, Unknown)
    assert reply.message.startswith(words.format(url=url))


def test_a_read_timeout_is_unknown() -> None:
    async def session() -> Reply:
        async with raw_server(say_nothing) as url, httpx.AsyncClient(base_url=url, timeout=0.1) as http:
            return await Client(http, load=load).send(REQUEST)

    assert isinstance(asyncio.run(session()), Unknown)


def test_a_connection_that_never_stood_sent_nothing_so_it_may_be_sent_again() -> None:
    async def session() -> tuple[Reply, str]:
        async with raw_server(say_nothing) as url:
            pass
        async with httpx.AsyncClient(base_url=url) as http:
            return await Client(http, load=load, key=KEY).send(REQUEST), url

    reply, url = asyncio.run(session())
    assert reply == Refused(
        concern=Concern.LATER,
        message=f"nothing was sent to {url}: ConnectError: All connection attempts failed",
        status=0,
    )
    assert reply.unsent


def test_waiting_in_vain_for_a_free_connection_sent_nothing() -> None:
    async def session() -> Reply:
        limits, timeout = httpx.Limits(max_connections=1), httpx.Timeout(10, pool=0.05)
        async with (
            raw_server(say_nothing) as url,
            httpx.AsyncClient(base_url=url, limits=limits, timeout=timeout) as http,
        ):
            client = Client(http, load=load)
            both = [asyncio.create_task(client.send(REQUEST)) for _ in range(2)]
            done, pending = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            for task in pending:
                task.cancel()
            return done.pop().result()

    reply = asyncio.run(session())
    assert isinstance(reply, Refused)
    assert reply.concern is Concern.LATER
    assert "PoolTimeout" in reply.message


def test_a_server_in_this_process_that_never_answers_is_given_up_all_the_same() -> None:
    async def never(*_: Any) -> None:
        await asyncio.Event().wait()

    reply = talk(never, lambda client: client.send(REQUEST), patience=Patience(answer=0.01))

    assert reply == Unknown(
        message="no answer from http://target/api/v1/enterprise within 0.01 s; it may have been made"
    )


def test_a_server_in_this_process_that_fails_is_unknown() -> None:
    async def failing(*_: Any) -> None:
        raise ZeroDivisionError

    assert talk(failing, lambda client: client.send(REQUEST)) == Unknown(
        message="HTTP 500 Internal Server Error without a word of the contract: ''"
    )


# --- probe ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answers", "found"),
    [
        ([{"status": "success", "schedulers": []}], None),
        ([PlainTextResponse("", 404), refused(404, message="no such request")], None),
        ([refused(401, message="Invalid API key")], Concern.RUN),
        ([PlainTextResponse("", 404), PlainTextResponse("", 404)], Concern.RUN),
        ([PlainTextResponse("<html>")], Concern.LATER),
        ([refused(503, message="busy")], Concern.LATER),
    ],
)
def test_a_probe_says_whether_the_target_answers_this_key(answers: list[Any], found: Concern | None) -> None:
    refusal = talk(Script(*answers).app(), lambda client: client.probe())

    assert (refusal.concern if refusal else None) is found


# --- the key -------------------------------------------------------------------------------------------------------


def test_the_key_is_struck_out_of_what_a_server_repeats() -> None:
    failed = refused(403, message=f"The key {KEY} is blocked")
    queued = {"status": "success", "id": 1, "output": ["http://target/1.png"], "meta": {"key": KEY, KEY: [KEY]}}

    assert talk(Script(failed).app(), lambda client: client.send(REQUEST)) == Refused(
        concern=Concern.RUN, message="The key [key] is blocked", status=403
    )
    assert talk(Script(queued).app(), lambda client: client.send(REQUEST)).meta == {"key": "[key]", "[key]": ["[key]"]}


def test_neither_repr_nor_log_nor_exception_holds_the_key(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    said: list[object] = []

    async def session() -> None:
        async with raw_server(reset) as broken, httpx.AsyncClient(base_url=broken) as http:
            client = Client(http, load=load, key=KEY, patience=Patience(link=0))
            said.extend([repr(client), str(client), await client.send(REQUEST), await client.probe()])
            try:
                await client.wait(Queued(remote_id="1"), deadline=0)
            except WithheldError as error:
                said.extend([error, repr(error), error.__cause__])
            try:
                await client.download(Ready(remote_id="1", outputs=(f"{broken}/a.png",)))
            except DownloadError as error:
                said.extend([error, repr(error), error.__cause__])

    asyncio.run(session())
    assert len(said) == 10
    assert KEY not in str(said)
    assert len(caplog.records) > 10
    assert KEY not in "".join(str(record.__dict__) for record in caplog.records)
