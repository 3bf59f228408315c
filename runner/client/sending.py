"""The client itself: send, wait, fetch, download.

> Invariant 5, secrets are references: the key stands in the bodies that are sent and in no message, repr, log record
> or exception of this module; where a server repeats it, it is struck out.

What failed decides what is known. A connection that never stood sent nothing, so the request may be sent again; after
the first byte went out it may have been made and paid for, and nothing here sends a request twice.
"""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from http import HTTPStatus
from itertools import count
from typing import TypeAlias

import httpx

from runner import wire
from runner.client.links import ENCODINGS, UNREADABLE, DownloadError, described, read_link, read_whole
from runner.client.mailbox import Mailbox
from runner.errors import TargetError
from runner.nouns import Concern, Queued, Ready, Refused, Reply, Request, Unknown
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
_ACCOUNT = (HTTPStatus.UNAUTHORIZED, HTTPStatus.PAYMENT_REQUIRED, HTTPStatus.FORBIDDEN)
_LINKS = ("output", "proxy_links", "future_links")
_STRUCK_OUT = "[key]"
_DEEPEST = 64  # levels of an answer that are read; the contract has four

EMPTY_ANSWERS = 3
"""How often a fetch may say success without an image before the links that were promised are tried."""


class WithheldError(TargetError):
    """What the target accepted, it does not give out now: for want of the right key or of credits, or it does not answer.

    It was made or will be, and so it is neither refused nor unknown: it is asked for again another time.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to wait for what, in seconds, and how large an image may be, in bytes.

    Attributes:
        answer: for the answer to one POST that makes images.
        fetch: for the answer to one fetch.
        download: for one GET of a link, whole.
        find: for a server to say what became of a request whose answer was lost, where it does not answer at once.
        letter: from the sending of such a request to its webhook's answer, where the server cannot tell.
        link: for an image to appear at its link, which may say 404 for a while.
        shortest_poll, longest_poll: between two fetches, or two GETs of a link that is not there yet.
        largest_image: bytes of one image file.
    """

    answer: float = 300.0
    fetch: float = 60.0
    download: float = 120.0
    find: float = 30.0
    letter: float = 300.0
    link: float = 180.0
    shortest_poll: float = 0.5
    longest_poll: float = 60.0
    largest_image: int = 64 * 2**20


@dataclass(frozen=True, slots=True)
class _Heard:
    status: int
    headers: Mapping[str, str]
    payload: object


_Answer: TypeAlias = _Heard | Refused | Unknown


class Client:
    """Speaks the contract over an open httpx client, whose `base_url` ends before the route.

    Safe to share between tasks of one event loop. It does not own the httpx client and never closes it.

    Attributes:
        mailbox: where a webhook's answers arrive, set before anything is sent; None asks for no webhook.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        *,
        load: Callable[[str], bytes],
        key: str = "",
        clock: Clock | None = None,
        patience: Patience | None = None,
    ) -> None:
        """Take an open httpx client.

        Args:
            http: where requests go, its own timeouts set.
            load: returns the bytes of a local image by its SHA-256.
            key: the key itself, or empty.
            clock: time and chance.
            patience: how long to wait for what.
        """
        self.mailbox: Mailbox | None = None
        self._http = http
        self._load = load
        self._key = key
        self._clock = clock or Clock()
        self._patience = patience or Patience()
        self._where = str(http.base_url).rstrip("/")
        self._url = lru_cache(maxsize=64)(partial(_absolute, self._where))  # a URL is dear to parse, and routes are few

    def __repr__(self) -> str:
        return f"Client({self._where!r})"

    async def send(self, request: Request, *, track_id: str = "") -> Reply:
        """Send a request once and return what the server says to it.

        With a mailbox it names a webhook, unless the request has one of its own. Where the answer is lost, the webhook
        is still awaited until `find` was asked.

        Args:
            request: what to ask for.
            track_id: this side's name for it, unless the request has one of its own; empty for none.

        Raises:
            OSError: a local image cannot be read; nothing was sent.
        """
        fields = wire.body(request, key=self._key, load=self._load)
        if track_id and not request.parameters.get("track_id"):
            fields |= {"track_id": track_id}
        if self.mailbox is None or request.parameters.get("webhook"):
            return self._judge(await self._post(request.endpoint, fields, within=self._patience.answer))
        track_id, reply = self.mailbox.expect(track_id), None
        try:
            fields |= {"webhook": self.mailbox.url, "track_id": track_id}
            reply = self._judge(await self._post(request.endpoint, fields, within=self._patience.answer))
            return replace(reply, track_id=track_id) if isinstance(reply, Queued) else reply
        finally:
            if not isinstance(reply, Queued | Unknown):
                self.mailbox.forget(track_id)

    def expect(self, request: Request, track_id: str) -> None:
        """Keep what a webhook says about a request that an earlier process has sent, for `find` or `wait`."""
        if self.mailbox is not None and not request.parameters.get("webhook"):
            self.mailbox.expect(track_id)

    async def find(self, track_id: str, *, age: float) -> Queued | Ready | Refused | None:
        """Ask what became of a request whose answer was lost; None when the target cannot tell.

        The server is asked first, for a while where it does not answer. Where it cannot tell and answers come by webhook,
        one is awaited for some minutes, and the server is asked about what it names. "Never accepted" is a refusal that
        concerns *later*: nothing was made, and what may come late under that name is not taken any more.

        Args:
            track_id: what the request was sent with; nobody else must have used it.
            age: seconds since it was sent, or more.

        Raises:
            WithheldError: the target does not answer, or not to this key; another time it may tell.
        """
        found = silence = None
        try:
            sent = self._clock.elapsed() - age
            try:
                found = await self._found(track_id, sent)
            except WithheldError as error:
                silence = error
            found = found or await self._letter(track_id, sent)
            if silence and not found:
                raise silence
            return replace(found, track_id=track_id) if self.mailbox and isinstance(found, Queued) else found
        finally:
            if self.mailbox is not None and not isinstance(found, Queued):
                self.mailbox.forget(track_id)

    async def _found(self, track_id: str, sent: float) -> Queued | Ready | Refused | None:
        """Ask the server, again where it does not answer. Raises WithheldError."""
        fields, give_up = wire.question(track_id, key=self._key), self._clock.elapsed() + self._patience.find
        for tries in count():
            answer = await self._post(wire.FIND, fields, within=self._patience.fetch)
            if isinstance(answer, _Heard) and wire.repeats(answer.payload, track_id):
                age = self._clock.elapsed() - sent  # by now: the server's memory is measured by now, too
                return wire.found(answer.status, answer.headers, answer.payload, age=age, now=self._clock.now())
            left, reply = give_up - self._clock.elapsed(), self._judge(answer)
            if not _passing(reply):
                break
            if left <= 0:
                raise _unanswered(reply)
            await self._clock.sleep(min(left, self._pause(tries)))
        if isinstance(reply, Refused) and reply.status in _ACCOUNT:
            raise _unanswered(reply)
        return None

    async def _letter(self, track_id: str, sent: float) -> Queued | Ready | Refused | None:
        """Wait for what a webhook says, and ask the server about the request that it names: a name proves nothing."""
        while self.mailbox is not None and self.mailbox.expects(track_id):
            left = sent + self._patience.letter - self._clock.elapsed()
            letter = await self.mailbox.take(track_id, self._clock.sleep(left)) if left > 0 else None
            if letter is None:
                return None
            if remote_id := wire.named(letter):
                queued = Queued(remote_id=remote_id)
                match await self._fetch(queued):
                    case Ready() as ready, _:
                        return ready
                    case Refused() as refused, True:
                        return refused
                    case Queued() | Unknown() | Refused(concern=Concern.LATER), _:
                        return queued
        return None

    async def wait(self, queued: Queued, *, deadline: float) -> Ready | Refused | Unknown:
        """Fetch what was accepted until the server says how it ended, or its webhook does.

        The first fetch comes after the server's eta, later ones at growing distances or when the server says. A fetch
        that fails is tried again: fetching costs nothing. What the server does not know is Unknown and not Refused,
        because it was accepted; the links that were promised are tried first.

        Args:
            queued: what the server accepted.
            deadline: reading of `Clock.elapsed` after which the outcome is unknown.

        Raises:
            WithheldError: it may not be asked for with this key now, or the target does not answer until the deadline.
        """
        try:
            return await self._wait(queued, deadline)
        finally:
            if self.mailbox is not None:
                self.mailbox.forget(queued.track_id)

    async def _wait(self, queued: Queued, deadline: float) -> Ready | Refused | Unknown:
        pause, links, empty = self._after(queued.eta, 0), queued.future_links, 0
        for polls in count(1):
            told = await self._pause_for(queued, max(0.0, min(pause, deadline - self._clock.elapsed())))
            if told is not None:
                return told
            reply, settled = await self._fetch(queued)
            match reply:
                case Ready():
                    return reply
                case Refused(concern=concern, status=status) if settled or (concern is Concern.CELL and status != 404):
                    return reply
                case Refused(concern=Concern.CELL | Concern.RUN):
                    return _given_up(queued, links, reply)
                case Refused(retry_after=hint):
                    pause = max(hint or 0.0, self._pause(polls))
                case Queued(eta=eta, future_links=later):
                    pause, links, empty = self._after(eta, polls), later or links, empty + settled
                case Unknown():
                    pause = self._pause(polls)
            if self._clock.elapsed() >= deadline or (empty >= EMPTY_ANSWERS and links):
                break
        return _given_up(queued, links, reply)

    async def download(self, ready: Ready) -> tuple[bytes, ...]:
        """Return the image files of an answer, in its order.

        Links are followed without the key, to any host, over http and https alone, through a few redirects. A link
        that leads nowhere yet is tried again for a while.

        Raises:
            DownloadError: an image did not come, is too large, or is not base64 where it should be.
        """
        return tuple([await self._image(output, encoded=ready.encoded) for output in ready.outputs])

    async def probe(self) -> Refused | None:
        """Ask for something that costs nothing; return why the target is of no use, None when it answers this key."""
        key = {"key": self._key}
        answer = await self._ask([("schedulers_list", key), ("fetch", key | {"request_id": "0"})])
        reply = self._objection(answer) if isinstance(answer, _Heard) else answer
        if isinstance(reply, Unknown):
            return Refused(concern=Concern.LATER, message=reply.message)
        return None if reply is None or reply.concern is Concern.CELL else reply

    async def _pause_for(self, queued: Queued, seconds: float) -> Ready | Refused | None:
        """Wait that long, or until a webhook answers; return how the request ended if that says so.

        An answer under another name than the server gave the request, or one that is no end, is no more than a hint
        to ask the server itself.
        """
        pause = self._clock.sleep(seconds)
        if self.mailbox is None:
            await pause
            return None
        payload = self._scrubbed(await self.mailbox.take(queued.track_id, pause))
        if not (isinstance(payload, dict) and wire.settled(payload) and wire.is_about(payload, queued.remote_id)):
            return None
        reply = wire.answer(HTTPStatus.OK, {}, payload, now=self._clock.now())
        return reply if isinstance(reply, Ready | Refused) else None

    async def _fetch(self, queued: Queued) -> tuple[Reply, bool]:
        """Return what a fetch says, and whether that is the request's own end."""
        fields = {"request_id": queued.remote_id, "key": self._key}
        answer = await self._ask([(path, fields) for path in self._fetch_paths(queued)])
        return self._judge(answer), isinstance(answer, _Heard) and wire.settled(answer.payload)

    async def _ask(self, questions: Sequence[tuple[str, Mapping[str, object]]]) -> _Answer:
        """Return the answer to the first question whose route the target has, or to the last."""
        for path, fields in questions[:-1]:
            answer = await self._post(path, fields, within=self._patience.fetch)
            if not (isinstance(answer, _Heard) and wire.no_such_route(answer.status, answer.payload)):
                return answer
        path, fields = questions[-1]
        return await self._post(path, fields, within=self._patience.fetch)

    def _fetch_paths(self, queued: Queued) -> tuple[str, ...]:
        """Return where to ask: the server's own address first, where it is the target's, for the key goes along."""
        own = queued.fetch_result if _origin(queued.fetch_result) == _origin(self._where) else ""
        return (*([own] if own else []), *wire.fetch_paths(queued.remote_id))

    async def _post(self, path: str, fields: Mapping[str, object], *, within: float) -> _Answer:
        content = json.dumps(fields, allow_nan=False).encode()
        headers = {"Content-Type": "application/json", "Accept": "application/json", "Accept-Encoding": ENCODINGS}
        try:
            async with (
                asyncio.timeout(within),
                self._http.stream(
                    "POST", self._url(path), content=content, headers=headers, follow_redirects=False
                ) as response,
            ):
                data = await read_whole(response, LARGEST_ANSWER)
        except _NOTHING_SENT as error:
            message = f"nothing was sent to {self._where}: {described(error)}"
            return Refused(concern=Concern.LATER, message=self._without_key(message))
        except TimeoutError:
            return Unknown(message=f"no answer from {self._where} within {within:g} s; it may have been made")
        except (httpx.RequestError, DownloadError, *UNREADABLE) as error:
            message = f"no whole answer from {self._where}: {described(error)}; it may have been made"
            return Unknown(message=self._without_key(message))
        return _Heard(response.status_code, response.headers, self._scrubbed(_parsed(data)))

    def _judge(self, answer: _Answer) -> Reply:
        if not isinstance(answer, _Heard):
            return answer
        return wire.answer(answer.status, answer.headers, answer.payload, now=self._clock.now())

    def _objection(self, answer: _Heard) -> Refused | Unknown | None:
        return wire.objection(answer.status, answer.headers, answer.payload, now=self._clock.now())

    async def _image(self, output: str, *, encoded: bool) -> bytes:
        if encoded:
            return _decoded(output)
        give_up = self._clock.elapsed() + self._patience.link
        tries = 0
        while True:
            try:
                return await self._linked(output)
            except DownloadError as error:
                left = give_up - self._clock.elapsed()
                if not error.passing or left <= 0:
                    raise DownloadError(self._without_key(str(error))) from None
            await self._clock.sleep(min(left, self._pause(tries)))
            tries += 1

    async def _linked(self, link: str) -> bytes:
        limits = self._patience
        data = await read_link(self._http, link, largest=limits.largest_image, within=limits.download)
        if (
            link.partition("?")[0].partition("#")[0].endswith(".base64")
        ):  # some servers answer `base64: yes` with a link to the text
            return _decoded(data.decode("ascii", "replace"))
        return data

    def _after(self, eta: float | None, polls: int) -> float:
        """Return seconds to the next fetch: the server's estimate, though a long one is not waited out in one go."""
        return max(min(eta or 0.0, self._patience.longest_poll), self._pause(polls))

    def _pause(self, polls: int) -> float:
        """Return seconds to the next look: a gentle backoff with a little chance, so that many clients spread."""
        limits = self._patience
        backoff = min(limits.longest_poll, limits.shortest_poll * 1.5 ** min(polls, 20))
        return backoff * self._clock.random.uniform(1.0, 1.2)

    def _scrubbed(self, payload: object, levels: int = _DEEPEST) -> object:
        """Return an answer without the key, should the server repeat it.

        The links of the answer itself are left whole, or they lead nowhere; what bears their name deeper is kept, shown
        and no link.
        """
        if not levels:
            return "[nested too deep]"
        match payload:
            case str():
                return self._without_key(payload)
            case list():
                return [self._scrubbed(item, levels - 1) for item in payload]
            case dict():
                return {
                    self._without_key(name): item
                    if levels == _DEEPEST and name in _LINKS and _is_flat(item)
                    else self._scrubbed(item, levels - 1)
                    for name, item in payload.items()
                }
            case _:
                return payload

    def _without_key(self, text: str) -> str:
        return text.replace(self._key, _STRUCK_OUT) if self._key else text


def _passing(reply: Reply) -> bool:
    """Return whether an answer may be another one a moment later."""
    return isinstance(reply, Unknown) or (isinstance(reply, Refused) and reply.concern is Concern.LATER)


def _given_up(queued: Queued, links: tuple[str, ...], last: Reply) -> Ready | Unknown:
    """Return what becomes of an accepted request that is not fetched any more, by the last answer to a fetch.

    If links were promised, the images may lie there all the same. Raises WithheldError.
    """
    if links:
        return Ready(remote_id=queued.remote_id, outputs=links)
    accepted = f"accepted as {queued.remote_id}, and"
    match last:
        case Refused(concern=Concern.CELL) | Refused(status=HTTPStatus.NOT_FOUND | HTTPStatus.METHOD_NOT_ALLOWED):
            return Unknown(message=f"{accepted} not to be fetched: {last.message}")
        case Refused(message=message) | Unknown(message=message):
            raise WithheldError(f"{accepted} not given out now: {message}; the next run asks for it again")
        case _:
            return Unknown(message=f"{accepted} not ready when the time to wait was over")


def _unanswered(reply: Reply) -> WithheldError:
    said = reply.message if isinstance(reply, Refused | Unknown) else "no answer"
    return WithheldError(f"sent, and the target does not say now what became of it: {said}; the next run asks again")


def _absolute(where: str, path: str) -> httpx.URL:
    """Return the URL of a route of the target, or of an address that is whole already."""
    url = httpx.URL(path)
    return url if url.is_absolute_url else httpx.URL(f"{where}/{path.lstrip('/')}")


def _is_flat(links: object) -> bool:
    return isinstance(links, str) or (isinstance(links, list) and all(isinstance(link, str) for link in links))


def _origin(link: str) -> tuple[str, str, int | None] | None:
    try:
        url = httpx.URL(link)
        host = url.host
    except UNREADABLE:
        return None
    return (url.scheme, host, url.port)


def _parsed(data: bytes) -> object:
    """Return JSON as what it means, and anything else as text."""
    try:
        parsed: object = json.loads(data)
    except (ValueError, RecursionError):
        return data.decode("utf-8", "replace")
    return parsed


def _decoded(text: str) -> bytes:
    try:
        return wire.decode_image(text)
    except ValueError as error:
        raise DownloadError(f"an image of {len(text)} characters is not base64: {error}") from error
