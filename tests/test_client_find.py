"""A request whose answer was lost is asked about by track_id, and sent again only where it certainly was not taken."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from tracked import NEVER, REQUEST, TRACK, Time

from runner import wire
from runner.client import Client, Patience, WithheldError
from runner.nouns import Concern, Queued, Ready, Refused, Unknown
from runner.server import Settings, create_app
from runner.server.faults import load
from runner.target import serving
from tests.contracts.server import Recorder

# --- asking --------------------------------------------------------------------------------------------------------


def found(*answers: httpx.Response | Exception, age: float = 10.0, **patience: float) -> tuple[Any, int, float]:
    """Return what `find` says after some answers, the last of them again and again; how often it asked; seconds."""
    heard, time = list(answers), Time()
    posts: list[httpx.Request] = []

    def answer(post: httpx.Request) -> httpx.Response:
        posts.append(post)
        said = heard.pop(0) if len(heard) > 1 else heard[0]
        if isinstance(said, Exception):
            raise said
        return said

    async def session() -> Any:
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://x") as http:
            client = Client(http, load=lambda _: b"", clock=time.clock, patience=Patience(**patience))  # type: ignore[arg-type]  # seconds
            try:
                return await client.find(TRACK, age=age)
            except WithheldError as error:
                return error

    return asyncio.run(session()), len(posts), time.seconds - 1000


def found_by_route(answers: Mapping[str, httpx.Response]) -> Any:
    """Return what `find` says to a server that answers each route in its own way."""
    time = Time()

    async def session() -> Any:
        transport = httpx.MockTransport(lambda post: answers[post.url.path.rpartition("/")[2]])
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as http:
            return await Client(http, load=lambda _: b"", clock=time.clock).find(TRACK, age=10.0)

    return asyncio.run(session())


def said(http: int = 404, **more: object) -> httpx.Response:
    never = {"status": "error", "message": "no", "track_id": TRACK, "remembers": 11.0, "withdrawn": "yes"}
    return httpx.Response(http, json=never | more)


def test_what_was_certainly_never_accepted_may_be_sent_again() -> None:
    assert found(said()) == (NEVER, 1, 0.0)


@pytest.mark.parametrize(
    "answer",
    [
        said(remembers=10.0),
        said(remembers="11"),
        said(remembers=float("1e-9")),
        said(withdrawn="no"),
        said(track_id="track-2"),
        httpx.Response(404, json={"status": "error", "message": "request not found"}),
        httpx.Response(404, json={"detail": "Not Found"}),
        httpx.Response(404, text="Not Found"),
        httpx.Response(405, text="Method Not Allowed"),
        httpx.Response(200, json={"status": "success", "id": 5, "output": ["http://x/5.png"]}),
        httpx.Response(200, json={"status": "error", "message": "Invalid API key", "track_id": TRACK}),
    ],
    ids=lambda answer: f"{answer.status_code} {answer.text[:80]}",
)
def test_where_the_target_cannot_tell_it_is_asked_once(answer: httpx.Response) -> None:
    assert found(answer)[:2] == (None, 1)


def test_a_memory_that_is_younger_than_the_request_tells_nothing() -> None:
    assert [found(said(remembers=reach), age=60.0)[0] for reach in (59.0, 60.0, 60.1)] == [None, None, NEVER]


@pytest.mark.parametrize(
    ("answer", "reply"),
    [
        (
            {"status": "success", "id": 5, "output": ["http://x/5.png"]},
            Ready(remote_id="5", outputs=("http://x/5.png",)),
        ),
        ({"status": "processing", "id": 5, "eta": 2}, Queued(remote_id="5", eta=2.0)),
        (
            {"status": "failed", "message": "no such model", "id": 5},
            Refused(concern=Concern.CELL, message="no such model", status=200),
        ),
    ],
)
def test_what_became_of_an_accepted_request_is_believed_under_its_own_name(answer: dict[str, Any], reply: Any) -> None:
    assert found(httpx.Response(200, json=answer | {"track_id": TRACK}))[:2] == (reply, 1)


def test_an_accepted_request_that_is_forgotten_is_fetched_and_so_unknown() -> None:
    assert found(said(410, status="failed", id=5))[0] == Queued(remote_id="5")


def test_a_server_that_comes_back_is_asked_again_and_its_memory_is_held_against_the_age_by_then() -> None:
    gone = httpx.ConnectError("refused")
    reply, asked_, waited = found(gone, httpx.Response(502, text="<html>"), httpx.ReadError(""), said(remembers=20))
    assert (reply, asked_) == (NEVER, 4)

    assert found(gone, said(remembers=10 + waited / 3), shortest_poll=waited)[:2] == (None, 2)


def test_a_server_that_stays_away_is_given_up() -> None:
    withheld, tries, seconds = found(httpx.ConnectError("refused"))
    assert str(withheld) == (
        "sent, and the target does not say now what became of it: nothing was sent to http://x: ConnectError: refused; "
        "the next run asks again"
    )
    assert 3 < tries < 20
    assert seconds == pytest.approx(Patience().find)


@pytest.mark.parametrize("status", [401, 402, 403])
def test_a_server_that_does_not_tell_this_key_may_tell_another(status: int) -> None:
    withheld, tries, _ = found(httpx.Response(status, json={"status": "error", "message": "Invalid API key"}))
    assert isinstance(withheld, WithheldError)
    assert tries == 2, "the question, and whether another one is answered"


@pytest.mark.parametrize("status", [401, 403, 500, 502])
def test_a_server_that_answers_other_questions_to_this_key_does_not_know_this_one(status: int) -> None:
    unknown_route = httpx.Response(status, json={"status": "error", "message": "no"})
    schedulers = httpx.Response(200, json=["DDIMScheduler"])

    assert found_by_route({wire.FIND: unknown_route, "schedulers_list": schedulers}) is None


# --- over a socket, the answer lost --------------------------------------------------------------------------------


def lost(listed: str, tmp_path: Path, say: Callable[[Client, float], Awaitable[Any]]) -> Any:
    path = tmp_path / "faults.yaml"
    path.write_text(f"faults: [{listed}]")

    async def session() -> Any:
        app = create_app(Recorder(), Settings(faults=load(path)))
        async with asyncio.timeout(30), serving(app) as url, httpx.AsyncClient(base_url=url) as http:
            client = Client(http, load=lambda _: b"")
            began = client._talk.clock.elapsed()
            reply = await client.send(REQUEST, track_id=TRACK)
            assert isinstance(reply, Unknown)
            return await say(client, client._talk.clock.elapsed() - began), app.state.account.said()["requests_made"]

    return asyncio.run(session())


@pytest.mark.parametrize("fault", ["{kind: drop}", "{kind: drop, when: mid_answer}", "{kind: html, status: 504}"])
def test_a_made_request_whose_answer_was_lost_is_found_with_its_picture(tmp_path: Path, fault: str) -> None:
    async def say(client: Client, age: float) -> bytes:
        reply = await client.find(TRACK, age=age)
        assert isinstance(reply, Ready)
        return (await client.download(reply))[0]

    picture, made = lost(fault, tmp_path, say)
    assert (picture[:4], made) == (b"\x89PNG", 1)


def test_a_request_that_never_arrived_is_said_to_be_so(tmp_path: Path) -> None:
    fault = "{kind: drop, when: before_accept}"
    assert lost(fault, tmp_path, lambda client, age: client.find(TRACK, age=age)) == (NEVER, 0)
