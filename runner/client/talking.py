"""One question to a target: a POST goes out, and what comes back is read without the key.

> Invariant 5, secrets are references: the key stands in the bodies that are sent and in no message, repr, log record
> or exception of this package; where a server repeats it, it is struck out.

What failed decides what is known. A connection that never stood sent nothing, so the request may be sent again; after
the first byte went out it may have been made and paid for, and nothing here sends a request twice.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TypeAlias

import httpx

from runner import wire
from runner.client.links import ENCODINGS, UNREADABLE, DownloadError, described, read_whole
from runner.client.patience import Patience
from runner.nouns import Concern, Refused, Reply, Unknown
from runner.pace import Clock

LARGEST_ANSWER = 256 * 2**20
"""Bytes of one JSON answer: four images as base64 text are some tens of megabytes at most."""

_NOTHING_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)
_LINKS = ("output", "proxy_links", "future_links")
_STRUCK_OUT = "[key]"
_DEEPEST = 64  # levels of an answer that are read; the contract has four


@dataclass(frozen=True, slots=True)
class Heard:
    """An answer that came whole, its payload without the key."""

    status: int
    headers: Mapping[str, str]
    payload: object


Answer: TypeAlias = Heard | Refused | Unknown
"""What came of a question; Refused where nothing was sent, Unknown where the answer was lost."""


class Talk:
    """Asks one target, with its key. It does not own the httpx client.

    Attributes:
        http: where requests go; its `base_url` ends before the route.
        where: that address, for messages.
    """

    def __init__(self, http: httpx.AsyncClient, *, key: str, clock: Clock, patience: Patience) -> None:
        self.http = http
        self.clock = clock
        self.patience = patience
        self.where = str(http.base_url).rstrip("/")
        self.key = key
        self._url = lru_cache(maxsize=64)(partial(_absolute, self.where))  # a URL is dear to parse, and routes are few

    def __repr__(self) -> str:
        return f"Talk({self.where!r})"

    async def post(self, path: str, fields: Mapping[str, object], *, within: float) -> Answer:
        """Post fields as JSON to a route, or to an address that is whole already; wait so many seconds for all of it."""
        content = json.dumps(fields, allow_nan=False).encode()
        headers = {"Content-Type": "application/json", "Accept": "application/json", "Accept-Encoding": ENCODINGS}
        try:
            async with (
                asyncio.timeout(within),
                self.http.stream(
                    "POST", self._url(path), content=content, headers=headers, follow_redirects=False
                ) as response,
            ):
                data = await read_whole(response, LARGEST_ANSWER)
        except _NOTHING_SENT as error:
            message = f"nothing was sent to {self.where}: {described(error)}"
            return Refused(concern=Concern.LATER, message=self.without_key(message), status=0)
        except TimeoutError:
            return Unknown(message=f"no answer from {self.where} within {within:g} s; it may have been made")
        except (httpx.RequestError, DownloadError, *UNREADABLE) as error:
            message = f"no whole answer from {self.where}: {described(error)}; it may have been made"
            return Unknown(message=self.without_key(message))
        return Heard(response.status_code, response.headers, self.scrubbed(_parsed(data)))

    async def ask(self, questions: Sequence[tuple[str, Mapping[str, object]]]) -> Answer:
        """Return the answer to the first question whose route the target has, or to the last."""
        for path, fields in questions[:-1]:
            answer = await self.post(path, fields, within=self.patience.fetch)
            if not (isinstance(answer, Heard) and wire.no_such_route(answer.status, answer.payload)):
                return answer
        path, fields = questions[-1]
        return await self.post(path, fields, within=self.patience.fetch)

    async def probe(self) -> Refused | None:
        """Ask for something that costs nothing; return why the target is of no use, None when it answers this key."""
        key = {"key": self.key}
        answer = await self.ask([("schedulers_list", key), ("fetch", key | {"request_id": "0"})])
        reply = self._objection(answer) if isinstance(answer, Heard) else answer
        if isinstance(reply, Unknown):
            return Refused(concern=Concern.LATER, message=reply.message)
        return None if reply is None or reply.concern is Concern.CELL else reply

    def judge(self, answer: Answer) -> Reply:
        """Return what an answer means."""
        if not isinstance(answer, Heard):
            return answer
        return wire.answer(answer.status, answer.headers, answer.payload, now=self.clock.now())

    def _objection(self, answer: Heard) -> Refused | Unknown | None:
        return wire.objection(answer.status, answer.headers, answer.payload, now=self.clock.now())

    def pause(self, polls: int) -> float:
        """Return seconds to the next look: a gentle backoff with a little chance, so that many clients spread."""
        limits = self.patience
        backoff = min(limits.longest_poll, limits.shortest_poll * 1.5 ** min(polls, 20))
        return backoff * self.clock.random.uniform(1.0, 1.2)

    def scrubbed(self, payload: object, levels: int = _DEEPEST) -> object:
        """Return an answer without the key, should the server repeat it.

        The links of the answer itself are left whole, or they lead nowhere; what bears their name deeper is kept, shown
        and no link.
        """
        if not levels:
            return "[nested too deep]"
        match payload:
            case str():
                return self.without_key(payload)
            case list():
                return [self.scrubbed(item, levels - 1) for item in payload]
            case dict():
                return {
                    self.without_key(name): item
                    if levels == _DEEPEST and name in _LINKS and _is_flat(item)
                    else self.scrubbed(item, levels - 1)
                    for name, item in payload.items()
                }
            case _:
                return payload

    def without_key(self, text: str) -> str:
        """Return a text in which the key is struck out."""
        return text.replace(self.key, _STRUCK_OUT) if self.key else text


def _absolute(where: str, path: str) -> httpx.URL:
    """Return the URL of a route of the target, or of an address that is whole already."""
    url = httpx.URL(path)
    return url if url.is_absolute_url else httpx.URL(f"{where}/{path.lstrip('/')}")


def _is_flat(links: object) -> bool:
    return isinstance(links, str) or (isinstance(links, list) and all(isinstance(link, str) for link in links))


def _parsed(data: bytes) -> object:
    """Return JSON as what it means, and anything else as text."""
    try:
        parsed: object = json.loads(data)
    except (ValueError, RecursionError):
        return data.decode("utf-8", "replace")
    return parsed
