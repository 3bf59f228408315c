"""A request whose answer was lost is made up for by its webhook, where the server cannot be asked."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
from tracked import REQUEST, TRACK, Time

from runner.client import Client, Mailbox, Patience
from runner.nouns import Concern, Queued, Ready, Refused, Request, Unknown
from tests.contracts.server import BODY


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
