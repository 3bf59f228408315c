"""Lies about what was accepted: promises that are not kept, pictures that are broken, webhooks that are forged or lost."""

import asyncio
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from lies import Scene, instantly, stage
from PIL import Image

from runner.client import Client, DownloadError, Mailbox
from runner.errors import ImageError
from runner.nouns import Concern, Queued, Ready, Refused, Reply, Request, Unknown
from runner.vault import Vault
from tests.contracts.server import BODY

REQUEST = Request(endpoint="text2img", parameters=BODY)

lying = pytest.fixture(stage)


# --- promises ------------------------------------------------------------------------------------------------------


def test_a_request_can_be_made_and_said_to_be_processing_for_so_long(lying: Callable[..., Any]) -> None:
    _, clock = instantly()

    async def say(scene: Scene) -> list[Any]:
        answer = (await scene.make()).json()
        fetched = [(await scene.http.post(f"fetch/{answer['id']}", json={})).json() for _ in range(2)]
        await clock.sleep(60)
        by_body = (await scene.http.post("fetch", json={"request_id": answer["id"]})).json()
        return [answer["status"], answer["eta"], *(said["status"] for said in fetched), by_body["status"]]

    assert lying("{kind: processing, seconds: 60}", say, clock=clock) == [
        "processing",
        60.0,
        "processing",
        "processing",
        "success",
    ]


@pytest.mark.parametrize(("ends", "said"), [("success", "success"), ("failed", "failed")])
def test_a_promise_is_kept_also_where_it_is_asked_for_by_track_id(
    lying: Callable[..., Any], ends: str, said: str
) -> None:
    _, clock = instantly()

    async def say(scene: Scene) -> list[Any]:
        await scene.make(track_id="order-66")
        answers = [(await scene.http.post("fetch_by_track_id", json={"track_id": "order-66"})).json()]
        await clock.sleep(60)
        answers.append((await scene.http.post("fetch_by_track_id", json={"track_id": "order-66"})).json())
        return [(answer["status"], answer["track_id"]) for answer in answers]

    listed = f"{{kind: processing, seconds: 60, ends: {ends}}}"
    assert lying(listed, say, clock=clock) == [("processing", "order-66"), (said, "order-66")]


def test_a_server_can_be_one_that_cannot_be_asked(lying: Callable[..., Any]) -> None:
    async def say(scene: Scene) -> Any:
        reply = await scene.client.send(REQUEST, track_id="order-66")
        found = await scene.client.find("order-66", age=0.1)
        return isinstance(reply, Unknown), found, (await scene.account())["heard"]

    listed = "{kind: drop}\n  - {kind: html, status: 404, route: fetch_by_track_id}"
    assert lying(listed, say) == (True, None, {"fetch_by_track_id": 1, "text2img": 1})


def test_a_promise_without_an_end_is_still_one_when_the_time_to_wait_is_over(lying: Callable[..., Any]) -> None:
    async def say(scene: Scene) -> Reply:
        reply = await scene.send()
        assert isinstance(reply, Queued)
        return await scene.client.wait(reply, deadline=scene.client._talk.clock.elapsed() + 100)

    reply = lying("{kind: processing}", say, clock=instantly()[1])

    assert isinstance(reply, Queued)


def test_a_promise_that_ends_in_an_error_is_not_charged(lying: Callable[..., Any]) -> None:
    async def say(scene: Scene) -> tuple[Reply, dict[str, Any]]:
        reply = await scene.send()
        assert isinstance(reply, Queued)
        return await scene.client.wait(reply, deadline=1e9), await scene.account()

    reply, account = lying(
        "{kind: processing, seconds: 1, ends: failed, message: no memory}", say, clock=instantly()[1]
    )

    assert reply == Refused(concern=Concern.CELL, message="no memory", status=200)
    assert (account["requests_made"], account["bought_twice"]) == (0, 0)


def test_a_success_without_images_is_fetched(lying: Callable[..., Any]) -> None:
    async def say(scene: Scene) -> tuple[Reply, Reply]:
        reply = await scene.send()
        assert isinstance(reply, Queued)
        return reply, await scene.client.wait(reply, deadline=1e9)

    _, waited = lying("{kind: no_images, route: make}\n  - {kind: no_images, route: fetch, first: 2}", say)

    assert isinstance(waited, Ready)


def test_an_answer_can_name_a_request_that_does_not_exist(lying: Callable[..., Any]) -> None:
    async def say(scene: Scene) -> list[Any]:
        answer = (await scene.make()).json()
        fetched = await scene.http.post(f"fetch/{answer['id']}", json={})
        return [answer["output"][0].startswith("http"), str(answer["id"]) in answer["output"][0], fetched.status_code]

    assert lying("{kind: wrong_id}", say) == [True, False, 404]


# --- pictures ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "more"),
    [
        *((how, {}) for how in ("truncated", "corrupt", "empty", "html")),
        *((how, {"base64": "yes"}) for how in ("truncated", "corrupt", "html")),
    ],
)
def test_a_broken_picture_is_found_out_whether_it_comes_by_a_link_or_as_base64(
    lying: Callable[..., Any], tmp_path: Path, how: str, more: dict[str, str]
) -> None:
    async def say(scene: Scene) -> bytes:
        reply = await scene.send(**more)
        assert isinstance(reply, Ready)
        return (await scene.client.download(reply))[0]

    route = "make" if more else "images"
    with pytest.raises((ImageError, DownloadError)):
        Vault(tmp_path / "vault").put(lying(f"{{kind: image, how: {how}, route: {route}}}", say, clock=instantly()[1]))


def test_a_picture_can_have_half_the_size_that_was_asked_for(lying: Callable[..., Any]) -> None:
    async def say(scene: Scene) -> bytes:
        return (await scene.http.get((await scene.make()).json()["output"][0])).content

    assert Image.open(io.BytesIO(lying("{kind: image, how: wrong_size}", say))).size == (128, 128)


@pytest.mark.parametrize("status", [403, 404, 410])
def test_a_link_can_lead_nowhere_for_a_while(lying: Callable[..., Any], status: int) -> None:
    async def say(scene: Scene) -> list[int]:
        link = (await scene.make()).json()["output"][0]
        return [(await scene.http.get(link)).status_code for _ in range(3)]

    assert lying(f"{{kind: expire, status: {status}, first: 2}}", say) == [status, status, 200]


# --- webhooks ------------------------------------------------------------------------------------------------------


def letters(lying: Callable[..., Any], how: str) -> list[Mapping[str, object]]:
    heard: list[Mapping[str, object]] = []

    async def post(_: str, payload: Mapping[str, object]) -> int:
        heard.append(payload)
        return 200

    async def say(scene: Scene) -> None:
        number = (await scene.make(webhook="https://hook.example/", track_id="order-66")).json()["id"]
        while (await scene.http.post(f"fetch/{number}", json={})).json()["webhook_status"] == "sending":
            pass

    lying(f"{{kind: webhook, how: {how}}}", say, post_hook=post)
    return heard


def test_a_webhook_can_be_told_twice_or_not_at_all(lying: Callable[..., Any]) -> None:
    once, again = letters(lying, "duplicate")
    assert once == again
    assert letters(lying, "lost") == []


def test_a_forged_answer_before_the_true_one_is_not_believed(lying: Callable[..., Any]) -> None:
    *forged, true = letters(lying, "forged")
    queued = Queued(remote_id=str(true["id"]), track_id="order-66")

    async def believed() -> Reply:
        http = httpx.AsyncClient(transport=httpx.MockTransport(lambda _: httpx.Response(429)), base_url="http://x")
        client = Client(http, load=lambda _: b"", clock=instantly()[1])
        client.mailbox = Mailbox("http://hook", draw=lambda: "order-66")
        client.mailbox.expect("order-66")
        for letter in (*forged, true):
            client.mailbox.deliver(letter)
        return await client.wait(queued, deadline=1e9)

    reply = asyncio.run(believed())
    assert len(forged) == 2
    assert isinstance(reply, Ready)
    assert reply.outputs == tuple(true["output"])  # type: ignore[arg-type]  # a list
