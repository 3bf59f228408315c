"""The addresses of a run that is followed: the page, its pictures, its news. Everything is read; nothing can be sent.

Whoever may talk to this machine may look; the name of the host is checked, so that another site's script, which may send
a browser here under a name of its own, sees nothing.
"""

import asyncio
import html
from collections.abc import AsyncIterator, Callable, MutableMapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from runner.errors import SweepError
from runner.live.feed import Feed, Message
from runner.report import embed

PAGE = "/report/index.html"
EVENTS = "/events"

HOSTS = ["127.0.0.1", "localhost"]

GUARDED = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY"}

WAITING = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'">
<meta name="color-scheme" content="light dark"><title>{name}</title>
<p>Waiting for a run in {run}.</p>
"""


def create_site(feed: Feed, draw: Callable[[str], str]) -> Starlette:
    """Return an ASGI app that shows a run and follows it.

    Args:
        feed: of the run; the app closes it when it shuts down.
        draw: returns the page's HTML, given the address of its news. Called in a thread.
    """

    async def page(_: Request) -> Response:
        if not feed.planned:
            return HTMLResponse(_waiting(feed.run), headers={**GUARDED, "Cache-Control": "no-store"})
        news = f"{EVENTS}?since={quote(feed.place)}"  # before the page is drawn: it may say something twice, and misses nothing
        try:
            text = await asyncio.to_thread(draw, news)
        except SweepError as error:
            return PlainTextResponse(f"{error}\n", 503, headers={**GUARDED, "Cache-Control": "no-store"})
        return HTMLResponse(text.encode("utf-8", "replace"), headers={**GUARDED, "Cache-Control": "no-store"})

    async def events(request: Request) -> Response:
        place = request.headers.get("Last-Event-ID") or request.query_params.get("since", "")
        headers = {**GUARDED, "Cache-Control": "no-store"}
        return StreamingResponse(_stream(feed, place), media_type="text/event-stream", headers=headers)

    async def home(_: Request) -> Response:
        return RedirectResponse(PAGE)

    folders = [
        Mount(f"/{name}", Pictures(directory=feed.run / name, check_dir=False)) for name in ("images", "thumbnails")
    ]
    routes = [Route("/", home), Route(PAGE, page), Route(EVENTS, events), *folders]
    return Starlette(routes=routes, middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=HOSTS)])


class Pictures(StaticFiles):
    """A folder of files that are named for their digest: what has a name never changes. Links lead nowhere."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        """Answer with a file."""
        response = super().file_response(*args, **kwargs)
        response.headers.update({**GUARDED, "Cache-Control": "max-age=31536000, immutable"})
        return response

    async def check_config(self) -> None:
        """Let the folder be missing: a run that begins has none."""

    async def get_response(self, path: str, scope: MutableMapping[str, Any]) -> Response:
        """Answer a request for a file; a hidden one is half written."""
        if scope["method"] not in ("GET", "HEAD"):
            return PlainTextResponse("this run is only shown\n", 405)
        if any(part.startswith(".") for part in Path(path).parts):
            return PlainTextResponse("not here\n", 404)
        return await super().get_response(path, scope)


async def _stream(feed: Feed, place: str) -> AsyncIterator[bytes]:
    yield b"retry: 1000\n\n"
    async for message in feed.messages(place):
        yield _spelled(feed, message)


def _spelled(feed: Feed, message: Message) -> bytes:
    """Return a message as an event of the stream (HTML Standard, 9.2 "Server-sent events")."""
    if message.kind == "beat":
        return b": still here\n\n"
    return f"id: {feed.name}.{message.number}\nevent: {message.kind}\ndata: {embed(message.data)}\n\n".encode()


def _waiting(run: Path) -> str:
    return WAITING.format(name=html.escape(run.name), run=html.escape(str(run)))
