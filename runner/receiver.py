"""The other end of a webhook: a small ASGI app that takes a hosted server's answers and puts them into a mailbox.

It stands on the open internet. Whoever sends JSON is told 200, whether anyone waits for it or not: a stranger learns
nothing, and a server that repeats itself does not try again. What is said is believed only with the `track_id` of a
request that waits (`runner.client.mailbox`); nothing here opens a link, and no key comes by this way.
"""

import asyncio
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass

import httpx
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from runner.client import Mailbox
from runner.errors import InputError

HOST = "127.0.0.1"
PORT = 8766
"""Where the receiver listens if nothing else is said and the webhook's URL has no port."""

LARGEST_LETTER = 2**20
"""Bytes of one answer. Links fit a thousand times; images as base64 text may not, and are fetched."""

LETTER_SECONDS = 10.0
"""Seconds in which an answer must have come whole."""

MOST_SENDERS = 64
"""Connections at once; with `LARGEST_LETTER`, what strangers can make this process hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """Where a hosted server sends its answers, and where they arrive.

    Attributes:
        url: what the server is told; whatever stands there must lead to `host` and `port`.
        host, port: where this machine listens.
        draw: returns an unguessable text, another each time.
    """

    url: str
    host: str = HOST
    port: int = PORT
    draw: Callable[[], str] = secrets.token_urlsafe


def webhook_at(url: str, listen: str = "") -> Webhook:
    """Return the webhook that two flags describe; without `listen`, this machine alone at the URL's port or 8766.

    Raises:
        InputError: the URL is none, or `listen` is not HOST:PORT.
    """
    try:
        found = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise InputError(f"--webhook: {error}; give a URL such as https://host/path") from error
    if found.scheme not in ("http", "https") or not found.host:
        raise InputError(f"--webhook: {url!r} is no http or https URL; give the public one that leads here")
    if not listen:
        return Webhook(url=url, port=found.port or PORT)
    host, _, port = listen.rpartition(":")
    if not (host and port.isascii() and port.isdigit() and int(port) < 2**16):
        raise InputError(f"--webhook-listen: {listen!r} is not HOST:PORT; give an address such as {HOST}:{PORT}")
    return Webhook(url=url, host=host.removeprefix("[").removesuffix("]"), port=int(port))


def create_receiver(mailbox: Mailbox) -> Starlette:
    """Return an app that takes POSTs at any path and puts what they say into a mailbox."""

    async def receive(request: Request) -> Response:
        try:
            async with asyncio.timeout(LETTER_SECONDS):
                data = await _read(request)
        except TimeoutError:
            return PlainTextResponse("the body did not come in time", 408)
        except ClientDisconnect:
            return PlainTextResponse("the body did not come whole", 400)
        if data is None:
            return PlainTextResponse(f"at most {LARGEST_LETTER} bytes are taken", 413)
        return _put(data, mailbox)

    return Starlette(routes=[Route("/{path:path}", receive, methods=["POST"])])


async def _read(request: Request) -> bytes | None:
    """Return a request's body, or None when it is too large."""
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > LARGEST_LETTER:
            return None
    return bytes(data)


def _put(data: bytes, mailbox: Mailbox) -> Response:
    try:
        payload = json.loads(data)
    except (ValueError, RecursionError):
        payload = None
    if not isinstance(payload, dict):
        return PlainTextResponse("the body must be a JSON object", 400)
    mailbox.deliver(payload)
    return PlainTextResponse("ok")
