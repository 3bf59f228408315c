"""Webhook mode over real sockets: a hosted service that only ever answers by webhook, strangers, and silence."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import httpx
import pytest
from asking import KEY
from scripted import png
from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from runner.client import Client, Mailbox
from runner.errors import InputError
from runner.nouns import Address, Concern, Queued, Ready, Refused, Reply, Request
from runner.pace import Clock
from runner.receiver import LARGEST_LETTER, Webhook, create_receiver, webhook_at
from runner.target import open_target, serving

REQUEST = Request(endpoint="text2img", parameters={"model_id": "any", "prompt": "a red house", "seed": 7})
FETCHED = {"status": "success", "id": 1, "output": ["http://fetched/1.png"]}
PROMISED = {"status": "processing", "id": 1, "eta": 3600}


def numbered() -> Iterator[str]:
    return (f"track-{number}" for number in count(1))


class Hosted:
    """A service that says processing, and to a fetch what it is told to; it keeps what it was asked."""

    def __init__(self, *fetched: dict[str, Any]) -> None:
        self.fetched = fetched or (PROMISED,)
        self.asked: list[dict[str, Any]] = []
        self.fetches = 0

    def app(self) -> Starlette:
        base = "/api/v1/enterprise"
        return Starlette(
            routes=[
                Route(f"{base}/text2img", self.accept, methods=["POST"]),
                Route(f"{base}/fetch/{{id}}", self.fetch, methods=["POST"]),
                Route("/picture.png", self.picture),
            ]
        )

    async def accept(self, http: HttpRequest) -> Response:
        self.asked.append(await http.json())
        return JSONResponse(PROMISED | {"id": len(self.asked)})

    async def fetch(self, _: HttpRequest) -> Response:
        answer = self.fetched[min(self.fetches, len(self.fetched) - 1)]
        self.fetches += 1
        return JSONResponse(answer)

    async def picture(self, _: HttpRequest) -> Response:
        return Response(png(), media_type="image/png")


class Stage:
    """A service, a client whose answers come by webhook, and the way to write to it."""

    def __init__(self, hosted: Hosted, client: Client, mailbox: Mailbox, url: str, out: httpx.AsyncClient) -> None:
        self.hosted, self.client, self.mailbox, self.url, self.out = hosted, client, mailbox, url, out

    async def tell(self, **said: Any) -> int:
        return (await self.out.post(f"{self.url}/any/path", json=said)).status_code

    async def accepted(self) -> Queued:
        reply = await self.client.send(REQUEST)
        assert isinstance(reply, Queued)
        return reply

    def waiting(self, queued: Queued) -> "asyncio.Task[Reply]":
        return asyncio.ensure_future(self.client.wait(queued, deadline=1e9))


@asynccontextmanager
async def staged(hosted: Hosted, sleep: Callable[[float], Awaitable[None]]) -> AsyncIterator[Stage]:
    tracks = numbered()
    mailbox = Mailbox("http://public.example/hook", draw=lambda: next(tracks))
    async with (
        serving(create_receiver(mailbox)) as here,
        serving(hosted.app()) as there,
        httpx.AsyncClient(base_url=there) as http,
        httpx.AsyncClient() as out,
    ):
        clock = Clock(now=lambda: 0.0, elapsed=lambda: 0.0, sleep=sleep, random=random.Random(1))
        client = Client(http, load=lambda _: b"", key=KEY, clock=clock)
        client.mailbox = mailbox
        yield Stage(hosted, client, mailbox, here.partition("/api")[0], out)


async def forever(_: float) -> None:
    await asyncio.Event().wait()


async def at_once(_: float) -> None:
    await asyncio.sleep(0)


def play(
    scene: Callable[[Stage], Awaitable[Any]],
    hosted: Hosted | None = None,
    sleep: Callable[[float], Awaitable[None]] = forever,
) -> Any:
    async def session() -> Any:
        async with asyncio.timeout(20), staged(hosted or Hosted(), sleep) as stage:
            return await scene(stage)

    return asyncio.run(session())


def done(number: int = 1, **said: Any) -> dict[str, Any]:
    return {"status": "success", "id": number, "track_id": f"track-{number}", "output": [f"http://x/{number}"], **said}


# --- what arrives -------------------------------------------------------------------------------------------------


def test_each_request_names_the_webhook_and_a_track_id_of_its_own() -> None:
    async def scene(stage: Stage) -> list[tuple[str, str]]:
        await stage.accepted()
        await stage.accepted()
        return [(asked["webhook"], asked["track_id"]) for asked in stage.hosted.asked]

    assert play(scene) == [
        ("http://public.example/hook", "track-1"),
        ("http://public.example/hook", "track-2"),
    ]


def test_an_answer_that_arrives_ends_the_wait_without_a_fetch() -> None:
    async def scene(stage: Stage) -> Any:
        first, second = stage.waiting(await stage.accepted()), stage.waiting(await stage.accepted())
        statuses = [await stage.tell(**done(2)), await stage.tell(**done(1, output=[f"{stage.url}/a.png"]))]
        return statuses, (await first).outputs[0][-6:], await second, stage.hosted.fetches  # type: ignore[union-attr]

    assert play(scene) == ([200, 200], "/a.png", Ready(remote_id="2", outputs=("http://x/2",)), 0)


def test_an_answer_that_arrives_before_anyone_waits_is_kept() -> None:
    async def scene(stage: Stage) -> Reply:
        queued = await stage.accepted()
        await stage.tell(**done())
        return await stage.waiting(queued)

    assert play(scene) == Ready(remote_id="1", outputs=("http://x/1",))


def test_a_failure_that_arrives_is_a_refusal_in_its_words() -> None:
    async def scene(stage: Stage) -> Reply:
        waiting = stage.waiting(await stage.accepted())
        await stage.tell(status="failed", id="1", track_id="track-1", message=f"no such model; key {KEY}")
        return await waiting

    assert play(scene) == Refused(concern=Concern.CELL, message="no such model; key [key]", status=200)


# --- what a stranger says -----------------------------------------------------------------------------------------


def test_strangers_and_duplicates_have_no_effect_and_learn_nothing() -> None:
    async def scene(stage: Stage) -> Any:
        waiting = stage.waiting(await stage.accepted())
        strange = [
            await stage.tell(**done(track_id="track-9")),
            await stage.tell(**done(track_id=None)),
            await stage.tell(**done(track_id=["track-1"])),
            await stage.tell(status="success"),
        ]
        still_waiting = not waiting.done()
        statuses = [await stage.tell(**done()) for _ in range(9)]
        return strange, still_waiting, set(statuses), await waiting, stage.mailbox.deliver(done())

    assert play(scene) == ([200] * 4, True, {200}, Ready(remote_id="1", outputs=("http://x/1",)), False)


def test_an_answer_under_a_forged_id_only_makes_the_client_ask_the_service_itself() -> None:
    async def scene(stage: Stage) -> Any:
        waiting = stage.waiting(await stage.accepted())
        await stage.tell(**done(id=666, output=["http://thief/1.png"]))
        return await waiting, stage.hosted.fetches

    assert play(scene, Hosted(FETCHED)) == (Ready(remote_id="1", outputs=("http://fetched/1.png",)), 1)


def test_giant_bodies_and_what_is_no_json_object_are_refused() -> None:
    async def scene(stage: Stage) -> Any:
        bodies = [b"x" * (LARGEST_LETTER + 1), b"<html>", b"[]", b"[" * 100_000, b"\xff\xfe", b""]
        return [(await stage.out.post(stage.url, content=body)).status_code for body in bodies]

    assert play(scene) == [413, 400, 400, 400, 400, 400]


# --- silence ------------------------------------------------------------------------------------------------------


def test_where_the_webhook_stays_silent_a_fetch_delivers() -> None:
    async def scene(stage: Stage) -> Any:
        return await stage.waiting(await stage.accepted()), stage.hosted.fetches

    assert play(scene, Hosted(PROMISED, FETCHED), at_once) == (
        Ready(remote_id="1", outputs=("http://fetched/1.png",)),
        2,
    )


def test_a_request_with_a_webhook_of_its_own_keeps_it() -> None:
    own = Request(endpoint="text2img", parameters={**REQUEST.parameters, "webhook": "http://mine/", "track_id": "7"})

    async def scene(stage: Stage) -> Any:
        reply = await stage.client.send(own)
        return reply, stage.hosted.asked[0]["webhook"], stage.hosted.asked[0]["track_id"]

    assert play(scene) == (Queued(remote_id="1", eta=3600.0), "http://mine/", "7")


# --- where it listens ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "listen", "place"),
    [
        ("https://me.example/hook", "", ("127.0.0.1", 8766)),
        ("http://me.example:9000", "", ("127.0.0.1", 9000)),
        ("https://me.example", "0.0.0.0:80", ("0.0.0.0", 80)),  # noqa: S104  # the user's own words
        ("https://me.example", "[::1]:80", ("::1", 80)),
    ],
)
def test_a_webhook_listens_where_it_is_told_or_on_this_machine_alone(
    url: str, listen: str, place: tuple[str, int]
) -> None:
    found = webhook_at(url, listen)
    assert (found.url, (found.host, found.port)) == (url, place)
    assert len({found.draw(), found.draw()}) == 2
    assert len(found.draw()) >= 40


@pytest.mark.parametrize(
    ("url", "listen", "words"),
    [
        ("me.example", "", r"--webhook: 'me.example' is no http or https URL; give the public one that leads here"),
        ("https://a", "8766", r"--webhook-listen: '8766' is not HOST:PORT; give an address such as 127.0.0.1:8766"),
        ("https://a", "a:99999", r"--webhook-listen: 'a:99999' is not HOST:PORT"),
    ],
)
def test_flags_that_say_no_place_are_refused(url: str, listen: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        webhook_at(url, listen)


def test_a_target_is_opened_with_its_receiver_and_one_in_this_process_has_no_use_for_it() -> None:
    async def session() -> tuple[object, bytes]:
        async with serving(Hosted().app()) as there:
            webhook = Webhook(url="https://me.example", port=0, draw=lambda: "track-1")
            address = Address(name=there)
            async with open_target(address, load=lambda _: b"", environ={}, webhook=webhook) as target:
                reply = await target.client.send(REQUEST)
                assert isinstance(reply, Queued)
                assert target.client.mailbox is not None
                picture = f"{there.partition('/api')[0]}/picture.png"
                assert target.client.mailbox.deliver(done(output=[picture]))
                ready = await target.client.wait(reply, deadline=1e9)
                assert isinstance(ready, Ready)
                return reply.track_id, (await target.client.download(ready))[0]

    assert asyncio.run(session()) == ("track-1", png())

    async def in_process() -> None:
        webhook = Webhook(url="https://me.example", port=0)
        async with open_target(Address(name="sketch"), load=lambda _: b"", environ={}, webhook=webhook):
            pass

    with pytest.raises(InputError, match="--webhook: the target sketch makes its pictures in this process; a webhook"):
        asyncio.run(in_process())
