"""A request's JSON and images, with limits."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import NoReturn

import httpx
from starlette.requests import Request

from runner import wire
from runner.client import DownloadError, read_link
from runner.nouns import Concern, Refused
from runner.server.answers import Rejection, bad_request

LARGEST_BODY = 64 * 2**20
"""Bytes of a request: two images of a phone's camera as base64 text, and room to spare."""

LARGEST_IMAGE = 32 * 2**20
FETCH_SECONDS = 30.0


async def read_json(request: Request) -> dict[str, object]:
    """Return a request's JSON object.

    A content type other than JSON's is refused, because a web page may send any other one to this machine unasked.

    Raises:
        Rejection: the body is too large, no JSON, or no object.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise bad_request(f"the content type is {kind[:80]!r}; send the header Content-Type: application/json")
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > LARGEST_BODY:
            message = f"the body is larger than the {LARGEST_BODY} bytes allowed; send smaller images"
            raise Rejection(Refused(concern=Concern.CELL, message=message, status=413))
    try:
        body = json.loads(data.decode(), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise bad_request(f"the body is not JSON ({str(error)[:200]}); send one JSON object") from error
    if not isinstance(body, dict):
        raise bad_request("the body must be a JSON object")
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


async def fetch_link(link: str) -> bytes:
    """Return what lies at an http or https link, at most `LARGEST_IMAGE` bytes within `FETCH_SECONDS`.

    The server reads any address that it can reach, as the contract asks; where strangers may send requests, give
    `create_app` another `fetch_image`.

    Raises:
        DownloadError: it does not come.
    """
    async with httpx.AsyncClient(timeout=FETCH_SECONDS) as http:
        return await read_link(http, link, largest=LARGEST_IMAGE, within=FETCH_SECONDS)


async def post_json(link: str, payload: Mapping[str, object]) -> int:
    """Send JSON to an http or https link, following no redirect, and return the HTTP status.

    Raises:
        httpx.HTTPError: no answer comes within `FETCH_SECONDS`.
    """
    async with httpx.AsyncClient(timeout=FETCH_SECONDS) as http, asyncio.timeout(FETCH_SECONDS):
        return (await http.post(link, json=payload, follow_redirects=False)).status_code


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON number")
