"""One request becomes images or a refusal; what failed decides what is known; the key goes where it must and nowhere else."""

import asyncio
import base64
import io
import logging
import random
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from runner.client import Client, DownloadError, Patience, WithheldError
from runner.nouns import Concern, Queued, Ready, Refused, Reply, Request, Unknown
from runner.pace import Clock
from runner.target import serving

KEY = "sesame-open-4711"
REQUEST = Request(endpoint="text2img", parameters={"model_id": "any", "prompt": "a red house", "seed": 7})
SUCCESS = {"status": "success", "id": 12, "output": ["http://target/images/12-0.png"], "meta": {"seed": 7}}
PROCESSING = {"status": "processing", "id": 12, "eta": 8, "output": []}
READY = Ready(remote_id="12", outputs=("http://target/images/12-0.png",), meta={"seed": 7})


def png() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), (200, 30, 30)).save(buffer, "PNG")
    return buffer.getvalue()


class Time:
    """A clock that moves only when someone sleeps."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.slept: list[float] = []

    def clock(self) -> Clock:
        return Clock(now=self.read, elapsed=self.read, sleep=self.sleep, random=random.Random(1))

    def read(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds


class Script:
    """Answers every request by a list, the last answer again when it is over, and keeps what was asked."""

    def __init__(self, *answers: Response | dict[str, Any]) -> None:
        self.answers = answers
        self.asked: list[tuple[str, str, Any]] = []
        self.headers: list[dict[str, str]] = []

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/{path:path}", self.answer, methods=["GET", "POST"])])

    async def answer(self, http: HttpRequest) -> Response:
        answer = self.answers[min(len(self.asked), len(self.answers) - 1)]
        body = await http.json() if http.method == "POST" else await http.body()
        self.asked.append((http.method, str(http.url), body))
        self.headers.append(dict(http.headers))
        return answer if isinstance(answer, Response) else JSONResponse(answer)

    @property
    def paths(self) -> list[str]:
        return [httpx.URL(url).path.removeprefix("/api/v1/enterprise/") for _, url, _ in self.asked]


def refused(status: int, **words: Any) -> Response:
    return JSONResponse({"status": "error", **words}, status_code=status)


def load(sha256: str) -> bytes:
    return {"aa": b"picture"}[sha256]


def talk(
    app: Any, say: Callable[[Client], Awaitable[Any]], time: Time | None = None, patience: Patience | None = None
) -> Any:
    async def session() -> Any:
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://target/api/v1/enterprise") as http:
            clock = (time or Time()).clock()
            return await say(Client(http, load=load, key=KEY, clock=clock, patience=patience))

    return asyncio.run(session())


# --- send ---------------------------------------------------------------------------------------------------------


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


# --- wait ---------------------------------------------------------------------------------------------------------


def wait(script: Script, queued: Queued, time: Time, seconds: float = 1000.0) -> Any:
    return talk(script.app(), lambda client: client.wait(queued, deadline=time.seconds + seconds), time)


def test_what_was_accepted_is_fetched_after_its_eta_and_then_at_growing_distances() -> None:
    time = Time()
    script = Script(*[{"status": "processing", "id": 12}] * 4, SUCCESS)

    assert wait(script, Queued(remote_id="12", eta=8.0), time) == READY

    assert script.paths == ["fetch/12"] * 5
    assert script.asked[0][2] == {"request_id": "12", "key": KEY}
    assert time.slept[0] == 8.0
    assert [
        base <= pause <= base * 1.2 for base, pause in zip((0.75, 1.125, 1.6875, 2.53), time.slept[1:], strict=True)
    ]
    assert time.slept[1:] == sorted(time.slept[1:])


def test_a_new_eta_and_a_hint_to_return_are_kept_to_and_a_long_eta_is_not_waited_out_blindly() -> None:
    time = Time()
    script = Script(PROCESSING, refused(429, message="slow down", retry_after=33), PROCESSING | {"eta": 5000}, SUCCESS)

    assert wait(script, Queued(remote_id="12"), time) == READY

    assert 0.5 <= time.slept[0] <= 0.6
    assert time.slept[1:] == [8.0, 33.0, 60.0]


def test_a_fetch_that_fails_is_tried_again_because_fetching_costs_nothing() -> None:
    time = Time()
    failures = [PlainTextResponse("gateway", 502), refused(500, message="oops"), refused(200, message="try again")]

    assert wait(Script(*failures, SUCCESS), Queued(remote_id="12"), time) == READY


def test_a_request_that_failed_for_good_is_refused_as_its_words_say() -> None:
    failed = JSONResponse({"status": "failed", "message": "the server failed; try again"})

    assert wait(Script(PROCESSING, failed), Queued(remote_id="12"), Time()) == Refused(
        concern=Concern.LATER, message="the server failed; try again", status=200
    )
    failed = JSONResponse({"status": "failed", "message": "no LoRA 'x'"}, status_code=400)
    assert wait(Script(failed), Queued(remote_id="12"), Time()) == Refused(
        concern=Concern.CELL, message="no LoRA 'x'", status=400
    )


def test_words_about_the_content_of_an_accepted_request_are_its_refusal() -> None:
    flagged = refused(200, message="NSFW content detected")

    assert wait(Script(flagged), Queued(remote_id="12"), Time()) == Refused(
        concern=Concern.CELL, message="NSFW content detected", status=200
    )


@pytest.mark.parametrize("status", [200, 400, 422])
def test_a_no_to_a_fetch_is_none_to_what_was_accepted_which_may_be_paid_for(status: int) -> None:
    reply = wait(Script(refused(status, message="Invalid id")), Queued(remote_id="12"), Time())

    assert reply == Unknown(message="accepted as 12, and not to be fetched: Invalid id")


def test_a_no_to_a_fetch_sends_the_client_to_the_links_that_were_promised() -> None:
    promised = Queued(remote_id="12", future_links=("http://target/images/12-0.png",))

    assert wait(Script(refused(200, message="Invalid id")), promised, Time()) == Ready(
        remote_id="12", outputs=promised.future_links
    )


def test_what_was_accepted_and_is_not_known_any_more_is_unknown_and_not_refused() -> None:
    reply = wait(Script(refused(404, message="no such request")), Queued(remote_id="12"), Time())

    assert reply == Unknown(message="accepted as 12, and not to be fetched: no such request")


@pytest.mark.parametrize("status", [401, 402, 403, 503])
def test_what_was_accepted_and_is_not_given_out_now_is_neither_refused_nor_unknown(status: int) -> None:
    with pytest.raises(WithheldError) as caught:
        wait(Script(refused(status, message="not now")), Queued(remote_id="12"), Time(), seconds=5.0)

    assert str(caught.value) == "accepted as 12, and not given out now: not now; the next run asks for it again"


def test_at_the_deadline_what_is_not_ready_is_still_queued() -> None:
    time, queued = Time(), Queued(remote_id="12", eta=8.0)

    assert wait(Script(PROCESSING), queued, time, seconds=20.0) == queued
    assert time.slept == [8.0, 8.0, 4.0]


def test_even_past_the_deadline_what_is_ready_is_taken() -> None:
    time = Time()

    assert wait(Script(SUCCESS), Queued(remote_id="12", eta=8.0), time, seconds=-5.0) == READY
    assert time.slept == [0.0]


def test_the_servers_own_fetch_address_is_used_only_where_it_is_the_targets() -> None:
    own, foreign = Script(SUCCESS), Script(SUCCESS)

    wait(own, Queued(remote_id="12", fetch_result="http://target/elsewhere/fetch/12"), Time())
    wait(foreign, Queued(remote_id="12", fetch_result="http://thief.example/fetch/12"), Time())

    assert [url for _, url, _ in own.asked] == ["http://target/elsewhere/fetch/12"]
    assert [url for _, url, _ in foreign.asked] == ["http://target/api/v1/enterprise/fetch/12"]


def test_a_service_that_knows_one_form_of_fetch_is_asked_in_that_form() -> None:
    script = Script(PlainTextResponse("Not Found", 404), SUCCESS)

    assert wait(script, Queued(remote_id="12"), Time()) == READY
    assert script.paths == ["fetch/12", "fetch"]


# --- download -----------------------------------------------------------------------------------------------------


def download(
    script: Script, *outputs: str, encoded: bool = False, time: Time | None = None, patience: Patience | None = None
) -> Any:
    ready = Ready(remote_id="12", outputs=outputs, encoded=encoded)
    return talk(script.app(), lambda client: client.download(ready), time, patience)


def image(data: bytes) -> Response:
    return Response(data, media_type="image/png")


def test_links_become_files_in_their_order_and_no_request_for_them_holds_the_key() -> None:
    script = Script(image(b"first"), image(b"second"))

    assert download(script, "http://target/a.png", "http://cdn.example/b.png?sign=1") == (b"first", b"second")
    assert script.asked == [("GET", "http://target/a.png", b""), ("GET", "http://cdn.example/b.png?sign=1", b"")]
    assert KEY not in str(script.headers)


def test_a_link_to_another_host_is_followed_over_the_network_without_the_key() -> None:
    images, target = Script(image(png())), Script(SUCCESS)

    async def session() -> tuple[bytes, ...]:
        async with (
            serving(images.app()) as elsewhere,
            serving(target.app()) as url,
            httpx.AsyncClient(base_url=url) as http,
        ):
            ready = Ready(remote_id="12", outputs=(f"{elsewhere}/a.png",))
            return await Client(http, load=load, key=KEY).download(ready)

    assert asyncio.run(session()) == (png(),)
    assert target.asked == []
    assert [(method, body) for method, _, body in images.asked] == [("GET", b"")]
    assert KEY not in str(images.headers)


def test_base64_text_becomes_files() -> None:
    text = base64.b64encode(png()).decode()

    assert download(Script({}), text, f"data:image/png;base64,{text}", encoded=True) == (png(), png())
    with pytest.raises(DownloadError, match="an image of 5 characters is not base64: "):
        download(Script({}), "*****", encoded=True)


def test_a_link_to_base64_text_becomes_a_file() -> None:
    assert download(Script(PlainTextResponse(base64.b64encode(png()))), "http://cdn.example/a.base64") == (png(),)


@pytest.mark.parametrize(
    "not_yet", [PlainTextResponse("", 404), PlainTextResponse("", 403), PlainTextResponse("", 503), image(b"")]
)
def test_an_image_that_is_not_there_yet_is_waited_for(not_yet: Response) -> None:
    time = Time()

    assert download(Script(not_yet, not_yet, image(b"late")), "http://target/a.png", time=time) == (b"late",)
    assert len(time.slept) == 2


def test_an_image_that_never_comes_is_named_without_the_signature_of_its_link() -> None:
    time = Time()

    with pytest.raises(DownloadError, match=r"^http://cdn\.example/a\.png: HTTP 404 Not Found$"):
        download(Script(PlainTextResponse("", 404)), "http://cdn.example/a.png?sign=secret", time=time)
    assert sum(time.slept) == pytest.approx(180.0)


@pytest.mark.parametrize(
    ("answer", "link", "words"),
    [
        (PlainTextResponse("", 410), "http://target/a.png", "http://target/a.png: HTTP 410 Gone"),
        (image(b"x" * 11), "http://target/a.png", "http://target/a.png: more than the 10 bytes allowed"),
        (RedirectResponse("/a.png"), "http://target/a.png", "http://target/a.png: more than 5 redirects"),
        (
            RedirectResponse("file:///etc/passwd"),
            "http://target/a.png",
            "'file://target/etc/passwd' is no http or https link",
        ),
        (image(b""), "file:///etc/passwd", "'file:///etc/passwd' is no http or https link"),
        (image(b""), "http://", "'http://' is no http or https link"),
        (image(b""), "http://target:port/a.png", "'http://target:port/a.png' is no link: Invalid port: 'port'"),
    ],
)
def test_a_link_that_leads_nowhere_for_good_is_given_up_at_once(answer: Response, link: str, words: str) -> None:
    time = Time()

    with pytest.raises(DownloadError) as caught:
        download(Script(answer), link, time=time, patience=Patience(largest_image=10))
    assert str(caught.value) == words
    assert time.slept == []


def test_a_redirect_is_followed() -> None:
    script = Script(RedirectResponse("http://cdn.example/b.png"), image(b"found"))

    assert download(script, "http://target/a.png") == (b"found",)
    assert [url for _, url, _ in script.asked] == ["http://target/a.png", "http://cdn.example/b.png"]


def test_a_link_that_hangs_is_given_up_within_its_time() -> None:
    async def never(*_: Any) -> None:
        await asyncio.Event().wait()

    ready = Ready(remote_id="12", outputs=("http://target/a.png",))
    with pytest.raises(DownloadError, match=r"http://target/a.png: not read within 0.01 s"):
        talk(never, lambda client: client.download(ready), patience=Patience(download=0.01, link=0))


# --- probe --------------------------------------------------------------------------------------------------------


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


# --- the key ------------------------------------------------------------------------------------------------------


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
