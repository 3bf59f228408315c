"""A hosted server may say anything: what is meant is understood, what is not is unknown, and nothing fills the memory."""

import asyncio
import gzip
import json
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx
import pytest
from asking import KEY, READY, REQUEST, SUCCESS, Script, load, talk, wait
from clocks import Time
from scripted import png

from runner.carrier import Carrier
from runner.client import Client, DownloadError, Patience, WithheldError, talking
from runner.nouns import Concern, Queued, Ready, Refused, Reply, Unknown

LINK = "http://target/images/12-0.png"
SAID = json.dumps(SUCCESS).encode()
EMPTY = {"status": "success", "id": 12, "output": []}


class Liar:
    """A server on a socket that answers every request with the same bytes, and keeps what it was sent."""

    def __init__(self, head: str, body: bytes, *, again: float | None = None) -> None:
        self.answer = f"HTTP/1.1 {head}\r\nConnection: close\r\n\r\n".encode() + body
        self.again = again
        self.heard: list[bytes] = []

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        self.heard.append(head + await reader.readexactly(int(lengths[0].split(b":")[1])))
        try:
            await self.speak(writer)
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def speak(self, writer: asyncio.StreamWriter) -> None:
        writer.write(self.answer)
        await writer.drain()
        while self.again is not None:
            await asyncio.sleep(self.again)
            writer.write(b" ")
            await writer.drain()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        async with await asyncio.start_server(self.handle, "127.0.0.1", 0) as server:
            host, port = server.sockets[0].getsockname()
            yield f"http://{host}:{port}"


def sent_to(liar: Liar, say: Callable[[Client], Awaitable[Reply]] | None = None, **patience: float) -> Reply:
    async def session() -> Reply:
        async with liar.listening() as url, httpx.AsyncClient(base_url=url, transport=Carrier()) as http:
            client = Client(http, load=load, key=KEY, patience=Patience(**patience))  # type: ignore[arg-type]  # seconds
            return await (say(client) if say else client.send(REQUEST))

    return asyncio.run(session())


@pytest.mark.parametrize(
    ("head", "body"),
    [
        ("200 OK\r\nContent-Type: text/html", SAID),
        ("200 OK\r\nContent-Type: image/png", SAID),
        ("200 OK", SAID),
        ("200 OK", b"\xef\xbb\xbf" + SAID),
        ("200 OK\r\nContent-Type: application/json; charset=utf-16", json.dumps(SUCCESS).encode("utf-16")),
        ("200 OK\r\nContent-Encoding: gzip", gzip.compress(SAID)),
        ("201 Created", json.dumps(SUCCESS | {"status": " Success ", "id": 12.0, "output": LINK}).encode()),
        ("200 OK", json.dumps(SUCCESS | {"id": "12", "output": [[LINK]]}).encode()),
        ("200 OK", json.dumps(SUCCESS | {"output": [{"url": LINK, "seed": "7"}]}).encode()),
        ("200 OK", json.dumps(SUCCESS | {"output": {"images": [LINK, None]}}).encode()),
        ("200 OK", json.dumps(SUCCESS | {"output": None, "proxy_links": [LINK]}).encode()),
    ],
)
def test_an_answer_is_understood_however_it_is_spelled_and_labelled(head: str, body: bytes) -> None:
    assert sent_to(Liar(head, body)) == READY


@pytest.mark.parametrize(
    ("head", "body", "words"),
    [
        ("200 OK", b"<html>Just a moment...</html>", "HTTP 200 OK without a word of the contract: '<html>"),
        ("500 Oops", b"<html>oops</html>", "HTTP 500 Internal Server Error without a word of the contract: '<html>"),
        ("503 Busy", b"<html>busy</html>", "HTTP 503 Service Unavailable without a word of the contract: '<html>"),
        ("200 OK", SAID[:-9], "HTTP 200 OK without a word of the contract: "),
        ("200 OK", b"[" * 900 + b"]" * 900, "HTTP 200 with an answer that says neither yes nor no: "),
        ("200 OK", b"[" * 90_000, "HTTP 200 OK without a word of the contract: "),
        ("200 OK\r\nContent-Encoding: gzip, gzip", gzip.compress(gzip.compress(SAID)), "no whole answer from http://"),
    ],
)
def test_an_answer_that_means_nothing_is_unknown(head: str, body: bytes, words: str) -> None:
    reply = sent_to(Liar(head, body))

    assert isinstance(reply, Unknown)
    assert reply.message.startswith(words)


def test_an_answer_nested_without_end_inside_its_fields_is_read_as_far_as_it_makes_sense() -> None:
    deep = b'{"status": "success", "id": 12, "output": ["' + LINK.encode() + b'"], "meta": ' + b'{"a":' * 400 + b"1"

    reply = sent_to(Liar("200 OK", deep + b"}" * 401))

    assert isinstance(reply, Ready)
    assert str(reply.meta).endswith("'[nested too deep]'" + "}" * 63)


def test_a_redirect_of_a_request_is_not_followed_so_the_key_stays_with_its_host() -> None:
    async def session(status: int) -> tuple[Reply, list[bytes]]:
        thief = Liar("200 OK", SAID)
        async with thief.listening() as elsewhere:
            liar = Liar(f"{status} Moved\r\nLocation: {elsewhere}/text2img\r\nContent-Length: 0", b"")
            async with (
                liar.listening() as url,
                httpx.AsyncClient(base_url=url, transport=Carrier(), follow_redirects=True) as http,
            ):
                return await Client(http, load=load, key=KEY).send(REQUEST), thief.heard

    for status in (301, 302, 307, 308):
        reply, heard = asyncio.run(session(status))
        assert isinstance(reply, Refused)
        assert (reply.concern, heard) == (Concern.RUN, [])


def test_a_small_answer_that_unpacks_to_a_giant_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(talking, "LARGEST_ANSWER", 2**20)

    reply = sent_to(Liar("200 OK\r\nContent-Encoding: gzip", gzip.compress(bytes(2**24))))

    assert isinstance(reply, Unknown)
    assert "more than the 1048576 bytes allowed" in reply.message


def test_an_answer_that_never_ends_is_given_up_in_its_time() -> None:
    reply = sent_to(Liar("200 OK", SAID, again=0.01), answer=0.2)

    assert isinstance(reply, Unknown)
    assert reply.message.endswith("within 0.2 s; it may have been made")


# --- another request's answer -------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", [SUCCESS, {"status": "failed", "message": "no LoRA 'x'"}], ids=["made", "failed"])
def test_the_end_of_another_request_is_not_taken_for_the_one_that_was_fetched(end: dict[str, object]) -> None:
    wrong = end | {"id": 13}

    assert wait(Script(wrong, wrong, SUCCESS), Queued(remote_id="12"), Time()) == READY

    with pytest.raises(WithheldError) as caught:
        wait(Script(wrong), Queued(remote_id="12"), Time(), seconds=5.0)
    assert str(caught.value) == (
        "accepted as 12, and not given out now: the target answers with request 13 when asked for 12; "
        "the next run asks for it again"
    )


@pytest.mark.parametrize("name", [{"id": 12.0}, {"id": "12"}, {"id": None}, {"id": ""}])
def test_an_answer_to_a_fetch_may_spell_the_name_in_any_way_or_leave_it_out(name: dict[str, object]) -> None:
    reply = wait(Script(SUCCESS | name), Queued(remote_id="12"), Time())

    assert isinstance(reply, Ready)
    assert reply.outputs == READY.outputs


# --- links that were promised -------------------------------------------------------------------------------------


def test_a_success_that_stays_empty_leads_to_the_links_that_were_promised() -> None:
    script = Script(EMPTY)

    assert wait(script, Queued(remote_id="12", future_links=(LINK,)), Time()) == Ready(remote_id="12", outputs=(LINK,))
    assert script.paths == ["fetch/12"] * 3


def test_links_promised_by_a_fetch_are_tried_when_the_time_to_wait_is_over() -> None:
    script = Script({"status": "processing", "id": 12, "future_links": [LINK]})

    assert wait(script, Queued(remote_id="12"), Time(), seconds=60) == Ready(remote_id="12", outputs=(LINK,))


def test_a_success_that_fills_late_is_taken_as_it_says() -> None:
    assert (
        wait(Script(EMPTY, EMPTY, SUCCESS), Queued(remote_id="12", future_links=("http://x/y.png",)), Time()) == READY
    )


def test_base64_with_and_without_a_data_scheme_is_the_same_image() -> None:
    text = b64encode(png()).decode()
    outputs = (text, f"data:image/png;base64,{text}")

    assert talk(
        Script(SUCCESS).app(),
        lambda client: client.download(Ready(remote_id="1", outputs=outputs, encoded=True)),
    ) == (png(), png())


NOWHERE = ("http://127.0.0.1:99999999/", "http://127.0.0.1:-1/", "http://xn--/", "http://127.0.0.1:1/?\ud800")


@pytest.mark.parametrize("link", NOWHERE, ids=ascii)
def test_an_address_that_is_none_is_a_download_that_fails_and_no_more(link: str) -> None:
    async def session() -> None:
        async with httpx.AsyncClient(transport=Carrier(), base_url="http://127.0.0.1:1/api") as http:
            client = Client(http, load=load, patience=Patience(link=0.0))
            with pytest.raises(DownloadError):
                await client.download(Ready(remote_id="12", outputs=(link,)))
            with pytest.raises(WithheldError):
                await client.wait(Queued(remote_id="12", fetch_result=link), deadline=0.0)

    asyncio.run(session())


@pytest.mark.parametrize("link", NOWHERE[:3])
def test_a_redirect_to_an_address_that_is_none_is_an_answer_like_any_other_redirect(link: str) -> None:
    reply = sent_to(Liar(f"302 Found\r\nLocation: {link}", b""))

    assert isinstance(reply, Refused | Unknown)


def test_a_key_that_comes_back_under_the_name_of_a_link_is_struck_out_where_no_link_belongs() -> None:
    said = SUCCESS | {"meta": {"seed": 1, "output": [KEY], "future_links": KEY}}
    reply = sent_to(Liar("200 OK", json.dumps(said).encode()))

    assert isinstance(reply, Ready)
    assert reply.meta == {"seed": 1, "output": ["[key]"], "future_links": "[key]"}
