"""The server tells what became of a request by its track_id, and how far back it remembers."""

import asyncio
from collections.abc import Awaitable
from typing import Any

import httpx
import pytest
from tracked import TRACK, Time

from runner.server import tracks as module
from runner.server.job import Order
from runner.server.jobs import Desk, Rules
from tests.contracts.server import BODY, Recorder, until_done
from tests.talking import talk


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
