"""A request whose answer was lost is asked about: by track_id where the server can tell, by webhook where it cannot."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from runner import wire
from runner.client import Client, Mailbox, Patience, WithheldError
from runner.nouns import Concern, Queued, Ready, Refused, Request, Unknown
from runner.pace import Clock
from runner.server import Settings, create_app
from runner.server import tracks as module
from runner.server.faults import load
from runner.server.job import Order
from runner.server.jobs import Desk, Rules
from runner.target import serving
from tests.contracts.server import BODY, Recorder, until_done
from tests.talking import talk

REQUEST = Request(endpoint="text2img", parameters=BODY)
NEVER = Refused(concern=Concern.LATER, message="the answer was lost, and the server never accepted the request")
TRACK = "track-1"


class Time:
    """A clock that moves only when someone sleeps."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.clock = Clock(now=lambda: self.seconds, elapsed=lambda: self.seconds, sleep=self.sleep)

    async def sleep(self, seconds: float) -> None:
        for _ in range(9):  # whoever waits for something else beside it hears of that first
            await asyncio.sleep(0)
        self.seconds += seconds


# --- the server ---------------------------------------------------------------------------------------------------


def asked(http: httpx.AsyncClient, track_id: object = TRACK, **more: object) -> Awaitable[httpx.Response]:
    return http.post("fetch_by_track_id", json={"track_id": track_id, **more})


def test_what_became_of_a_request_is_what_a_fetch_says_with_its_track_id() -> None:
    async def say(http: httpx.AsyncClient) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        number = (await http.post("text2img", json=BODY | {"track_id": TRACK})).json()["id"]
        promised = (await asked(http)).json()
        await until_done(http, number)
        return promised, (await asked(http)).json(), (await http.post("fetch", json={"request_id": number})).json()

    promised, found, fetched = talk(say, patience=0)
    assert (promised["status"], promised["track_id"]) == ("processing", TRACK)
    assert found == fetched | {"track_id": TRACK}


def test_what_was_never_accepted_is_said_with_how_far_back_that_is_known() -> None:
    time = Time()

    async def say(http: httpx.AsyncClient) -> httpx.Response:
        time.seconds += 90
        return await asked(http)

    answer = talk(say, clock=time.clock)
    assert answer.status_code == 404
    assert answer.json() == {
        "status": "error",
        "message": (
            "track_id: nothing was accepted under this name in the 90 s that this server remembers; send it again under "
            "another track_id if it was sent since then"
        ),
        "track_id": TRACK,
        "remembers": 90.0,
        "withdrawn": "no",
    }


def test_a_name_that_was_withdrawn_is_not_accepted_when_it_comes_late() -> None:
    async def say(http: httpx.AsyncClient) -> tuple[list[int], str, dict[str, Any]]:
        first = await asked(http)
        second = await asked(http, withdraw="yes")
        late = await http.post("text2img", json=BODY | {"track_id": TRACK})
        other = await http.post("text2img", json=BODY | {"track_id": "track-2"})
        statuses = [answer.status_code for answer in (first, second, late, other)]
        return statuses, late.json()["message"], (await asked(http)).json()

    engine = Recorder()
    statuses, message, again = talk(say, engine)
    assert statuses == [404, 404, 409, 200]
    assert message == (
        "track_id: its sender asked about this request before it came and was told that it would not be taken; send it "
        "under another track_id"
    )
    assert again["withdrawn"] == "yes"
    assert len(engine.asked) == 1


def test_a_request_that_was_accepted_is_not_withdrawn_by_asking() -> None:
    async def say(http: httpx.AsyncClient) -> list[int]:
        await http.post("text2img", json=BODY | {"track_id": TRACK})
        first = await asked(http, withdraw="yes")
        second = await http.post("text2img", json=BODY | {"track_id": TRACK})
        return [first.status_code, second.status_code]

    assert talk(say) == [200, 200]


def test_a_request_that_is_forgotten_was_accepted_all_the_same() -> None:
    async def say(http: httpx.AsyncClient) -> tuple[int, int, httpx.Response]:
        number = (await http.post("text2img", json=BODY | {"track_id": TRACK})).json()["id"]
        await http.post("clear_cache", json={})
        answer = await asked(http, withdraw="yes")
        return number, answer.json()["id"], answer

    number, said, answer = talk(say)
    assert (answer.status_code, said) == (410, number)
    assert answer.json()["message"] == "track_id: the request was accepted and is forgotten by now, with its pictures"


def test_of_several_requests_under_one_name_the_last_is_meant_and_each_is_made() -> None:
    async def say(http: httpx.AsyncClient) -> bool:
        first, second = [(await http.post("text2img", json=BODY | {"track_id": TRACK})).json()["id"] for _ in range(2)]
        assert first != second
        return bool((await asked(http)).json()["id"] == second)

    assert talk(say)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "track_id is required: a text of at most 256 characters"),
        ({"track_id": ""}, "track_id is required: a text of at most 256 characters"),
        ({"track_id": 7}, "track_id is required: a text of at most 256 characters"),
        ({"track_id": "x" * 257}, "track_id is required: a text of at most 256 characters"),
        ({"track_id": "x", "withdraw": True}, "withdraw must be yes or no"),
    ],
)
def test_a_question_without_a_name_is_refused(body: dict[str, object], message: str) -> None:
    answer = talk(lambda http: http.post("fetch_by_track_id", json=body))
    assert (answer.status_code, answer.json()["message"]) == (400, message)


def test_a_name_that_is_forgotten_shortens_how_far_back_the_memory_reaches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_TRACKED", 2)
    time = Time()
    desk = Desk([Recorder()], Rules(limit=9, memory=2**20, lifetime=9), clock=time.clock, draw_number=lambda: 7)
    for number in range(3):
        time.seconds += 10
        desk.tracks.note(f"track-{number}", number)

    assert [desk.tracks.find(f"track-{number}") for number in range(3)] == [None, 1, 2]
    assert desk.tracks.reach == 20.0


def test_the_memory_begins_when_the_server_does() -> None:
    time = Time()

    async def session() -> float:
        desk = Desk([Recorder()], Rules(limit=9, memory=2**20, lifetime=9), clock=time.clock, draw_number=lambda: 7)
        time.seconds += 100
        async with desk.running():
            time.seconds += 5
            desk.submit(Order(generations=(), meta={}))
            return desk.tracks.reach

    assert asyncio.run(session()) == 5.0


# --- the client ---------------------------------------------------------------------------------------------------


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


# --- over a socket, the answer lost -------------------------------------------------------------------------------


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


# --- webhooks -----------------------------------------------------------------------------------------------------


def by_webhook(scene: Callable[[Client, Mailbox], Awaitable[Any]], *, hears: int = 502) -> Any:
    """Play a scene with a server whose every answer is lost, and which has no route to ask."""
    time = Time()

    async def session() -> Any:
        async with AsyncExitStack() as stack:

            def answer(post: httpx.Request) -> httpx.Response:
                name = post.url.path.removeprefix("/")
                if name in FETCHED:
                    return httpx.Response(200 if FETCHED[name]["status"] != "error" else 404, json=FETCHED[name])
                return httpx.Response(404 if name.endswith("track_id") else hears, text="<html>")

            transport = httpx.MockTransport(answer)
            http = await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://x"))
            client = Client(http, load=lambda _: b"", clock=time.clock)
            client.mailbox = Mailbox("http://hook", draw=lambda: TRACK)
            return await scene(client, client.mailbox)

    return asyncio.run(session())


LETTER = {"status": "success", "id": 5, "track_id": TRACK, "output": ["http://x/5.png"]}
FETCHED: dict[str, dict[str, Any]] = {
    "fetch/5": {"status": "success", "id": 5, "output": ["http://x/5.png"]},
    "fetch/6": {"status": "processing", "id": 6},
    "fetch/7": {"status": "failed", "message": "no such model"},
    "fetch/666": {"status": "error", "message": "no request 666"},
}
READY = Ready(remote_id="5", outputs=("http://x/5.png",))


@pytest.mark.parametrize(
    ("number", "reply"),
    [
        (5, READY),
        (6, Queued(remote_id="6", track_id=TRACK)),
        (7, Refused(concern=Concern.CELL, message="no such model", status=200)),
        (8, Queued(remote_id="8", track_id=TRACK)),  # its fetch is answered by a proxy's page
    ],
)
def test_a_lost_answer_is_made_up_for_by_the_webhook_that_comes_later(number: int, reply: Any) -> None:
    async def scene(client: Client, mailbox: Mailbox) -> Any:
        assert isinstance(await client.send(REQUEST), Unknown)
        finding = asyncio.ensure_future(client.find(TRACK, age=1.0))
        await asyncio.sleep(0)
        assert mailbox.deliver(LETTER | {"id": number})
        return await finding

    assert by_webhook(scene) == reply


def test_what_a_webhook_says_is_believed_as_far_as_the_server_confirms_it() -> None:
    async def scene(client: Client, mailbox: Mailbox) -> Any:
        await client.send(REQUEST)
        mailbox.deliver(LETTER | {"id": 666, "output": ["http://thief/666.png"]})
        mailbox.deliver(LETTER | {"output": ["http://thief/5.png"]})
        return await client.find(TRACK, age=1.0), mailbox.expects(TRACK)

    assert by_webhook(scene) == (READY, False)


def test_a_webhook_that_came_before_anyone_asked_is_not_lost() -> None:
    async def scene(client: Client, mailbox: Mailbox) -> Any:
        await client.send(REQUEST)
        mailbox.deliver(LETTER)
        return await client.find(TRACK, age=1.0)

    assert by_webhook(scene) == READY


def test_a_webhook_is_awaited_for_a_while_and_then_nothing_more_is_expected() -> None:
    async def scene(client: Client, mailbox: Mailbox) -> Any:
        await client.send(REQUEST)
        before = client._talk.clock.elapsed()
        reply = await client.find(TRACK, age=100.0)
        return reply, client._talk.clock.elapsed() - before, mailbox.expects(TRACK), mailbox.deliver(LETTER)

    assert by_webhook(scene) == (None, Patience().letter - 100.0, False, False)


def test_after_a_crash_the_webhook_of_an_earlier_process_is_expected_again() -> None:
    async def scene(client: Client, mailbox: Mailbox) -> Any:
        client.expect(REQUEST, TRACK)
        mailbox.deliver(LETTER)
        client.expect(REQUEST, TRACK)  # once more forgets nothing
        own = Request(endpoint="text2img", parameters=BODY | {"webhook": "http://mine/"})
        client.expect(own, "track-2")
        return await client.find(TRACK, age=1.0), mailbox.expects("track-2")

    assert by_webhook(scene) == (READY, False)


def test_the_webhook_of_a_request_that_is_long_past_is_not_awaited() -> None:
    async def scene(client: Client, mailbox: Mailbox) -> Any:
        client.expect(REQUEST, TRACK)
        before = client._talk.clock.elapsed()
        reply = await client.find(TRACK, age=Patience().letter)
        return reply, client._talk.clock.elapsed() - before, mailbox.expects(TRACK)

    assert by_webhook(scene) == (None, 0.0, False)


def test_a_letter_without_a_name_for_the_request_resolves_nothing() -> None:
    async def scene(client: Client, mailbox: Mailbox) -> Any:
        await client.send(REQUEST)
        mailbox.deliver({"status": "success", "track_id": TRACK, "output": ["http://x/5.png"]})
        return await client.find(TRACK, age=1.0)

    assert by_webhook(scene) is None


def test_an_answer_that_is_no_answer_at_all_is_not_awaited_by_webhook() -> None:
    async def scene(client: Client, mailbox: Mailbox) -> bool:
        client.mailbox = mailbox
        reply = await client.send(REQUEST)
        assert isinstance(reply, Refused)
        return mailbox.expects(TRACK)

    assert by_webhook(scene, hears=404) is False
