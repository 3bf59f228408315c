"""Links and base64 text become files, whole and in their order, or are given up in words."""

import asyncio
import base64
import socket
from typing import Any

import httpx
import pytest
from asking import KEY, SUCCESS, Script, load, talk
from clocks import Time
from scripted import png
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from runner.client import Client, DownloadError, Patience
from runner.nouns import Ready
from runner.target import serving


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


def test_a_host_that_cannot_be_reached_is_away_and_one_that_says_no_is_not() -> None:
    def came_to_nothing(link: str, http: httpx.AsyncClient) -> DownloadError:
        async def session() -> None:
            async with http:
                await Client(http, load=load, key=KEY, clock=Time().clock()).download(
                    Ready(remote_id="12", outputs=(link,))
                )

        with pytest.raises(DownloadError) as caught:
            asyncio.run(session())
        return caught.value

    with socket.create_server(("127.0.0.1", 0)) as bound:
        port = bound.getsockname()[1]
    nobody = came_to_nothing(f"http://127.0.0.1:{port}/a.png", httpx.AsyncClient())
    assert (str(nobody).startswith(f"http://127.0.0.1:{port}/a.png: ConnectError: "), nobody.away) == (True, True)
    for status, away in ((404, False), (410, False), (429, True), (503, True)):
        said = Script(*[Response("no", status_code=status)] * 1000)
        told = came_to_nothing("http://target/a.png", httpx.AsyncClient(transport=httpx.ASGITransport(said.app())))
        assert (str(told)[:28], told.away) == (f"http://target/a.png: HTTP {status}"[:28], away)


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
