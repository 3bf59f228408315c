"""A request's JSON and images, with limits."""

import asyncio
import hmac
import json
from collections.abc import Awaitable, Callable
from typing import NoReturn

from starlette.requests import Request

from runner import wire
from runner.client import DownloadError
from runner.nouns import Concern, Refused
from runner.server.answers import Rejection, bad_request

LARGEST_BODY = 64 * 2**20
"""Bytes of a request: two images of a phone's camera as base64 text, and room to spare."""

BODY_SECONDS = 60.0
"""For a request's body to arrive, whole: 64 MiB over a slow line, and no more for who sends a byte at a time."""


async def read_json(request: Request) -> dict[str, object]:
    """Return a request's JSON object.

    A content type other than JSON's is refused, because a web page may send any other one to this machine unasked.

    Raises:
        Rejection: the body is too large, too slow, no JSON, or no object.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise bad_request(f"the content type is {kind[:80]!r}; send the header Content-Type: application/json")
    try:
        async with asyncio.timeout(BODY_SECONDS):
            data = await _read(request)
    except TimeoutError as error:
        message = f"the body did not arrive within {BODY_SECONDS:g} s; send it faster, or smaller images"
        raise Rejection(Refused(concern=Concern.LATER, message=message, status=408)) from error
    try:
        body = json.loads(data.decode(), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise bad_request(f"the body is not JSON ({str(error)[:200]}); send one JSON object") from error
    if not isinstance(body, dict):
        raise bad_request("the body must be a JSON object")
    return body


async def _read(request: Request) -> bytes:
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > LARGEST_BODY:
            message = f"the body is larger than the {LARGEST_BODY} bytes allowed; send smaller images"
            raise Rejection(Refused(concern=Concern.CELL, message=message, status=413))
    return bytes(data)


async def read_body(http: Request, *, key: str) -> dict[str, object]:
    """Return a request's JSON object once its key fits.

    Raises:
        Rejection: it is no such object, or its key is another one than the server's.
    """
    body = await read_json(http)
    given = str(body.get("key") or "").encode("utf-8", "replace")
    if key and not hmac.compare_digest(given, key.encode()):
        raise Rejection(Refused(concern=Concern.RUN, message="Invalid API key", status=401))
    return body


async def read_image(name: str, value: str, fetch_image: Callable[[str], Awaitable[bytes]]) -> bytes:
    """Return the bytes of an image that is a link or base64 text.

    Args:
        name: of the parameter, for the complaint.
        value: a link, or base64 text with or without `data:` before it.
        fetch_image: follows links.

    Raises:
        Rejection: the link leads nowhere, or the text is no base64.
    """
    if wire.is_link(value):
        try:
            return await fetch_image(value)
        except DownloadError as error:
            raise bad_request(f"{name}: {error}; send a link that this server can read, or base64 text") from error
    try:
        return wire.decode_image(value)
    except ValueError as error:
        raise bad_request(f"{name}: neither an http or https link nor base64 text ({error}); send one") from error


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON number")
