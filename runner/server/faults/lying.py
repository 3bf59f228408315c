"""The ASGI part: requests pass through here on their way to the app, and answers on their way back."""

import json
import math
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from runner import wire
from runner.nouns import ENDPOINTS, Endpoint, Request
from runner.pace import Clock
from runner.server.faults import lies
from runner.server.faults.account import Account
from runner.server.faults.deciding import Decider, Strike, Struck
from runner.server.faults.kinds import (
    GROUPS,
    Act,
    Delay,
    Drop,
    Expire,
    Faults,
    Html,
    Letter,
    Processing,
    QueueFull,
    Refuse,
    SlowBody,
)
from runner.server.faults.lies import Answer, Payload
from runner.server.hooks import Post
from runner.server.job import Job

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
ASGIApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

ABORT = "sweeprunner.abort"
"""ASGI extension: a function that ends the connection at once, without another byte. `runner.target` offers it."""

ACCOUNT_PATH = "/faults"

PIECES = 20
"""In which a body trickles."""

ETA = 1.0
"""Seconds that a request is said to take which never ends."""

_NAMES: Mapping[str, str] = {path: name for name, paths in wire.ROUTES.items() for path in paths}


@dataclass(slots=True)
class Lying:
    """What a lying server keeps between requests: what it counted, promised and owns up to.

    Attributes:
        faults: the file's.
        clock: time.
        account: what was heard, made and lied.
    """

    faults: Faults
    clock: Clock
    account: Account = field(init=False)
    _decider: Decider = field(init=False)
    _under_way: set[object] = field(default_factory=set)
    _promised: dict[int, tuple[float, Processing]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.account, self._decider = Account(self.faults), Decider(self.faults)

    def finished(self, also: Callable[[Job], None]) -> Callable[[Job], None]:
        """Return what a desk is to call with a finished job: it is noted, and handed on."""

        def finish(job: Job) -> None:
            self.account.finish(job)
            self._under_way.discard(job.number)
            also(job)

        return finish

    def telling(self, post: Post) -> Post:
        """Return what POSTs to webhooks, and lies."""

        async def tell(url: str, payload: Mapping[str, object]) -> int:
            self.account.hear("webhook")
            strike = self._decider.strike("webhook").main
            if strike is None or not isinstance(strike.act, Letter):
                return await post(url, payload)
            self.account.strike(strike.place)
            if strike.act.how == "lost":
                return 200
            before = [payload] if strike.act.how == "duplicate" else lies.forged(payload, strike.chance)
            for letter in before:
                await post(url, letter)
            return await post(url, payload)

        return tell

    @contextmanager
    def under_way(self, route: str, strike: Strike | None) -> Iterator[object]:
        """Count a request for pictures that is to reach the app, until it is answered; yield what stands for it."""
        token = object()
        if route in ENDPOINTS and not (strike is not None and _is_turned_away(strike.act)):
            self._under_way.add(token)
        try:
            yield token
        finally:
            self._under_way.discard(token)

    def strike(self, route: str) -> Struck:
        """Return what strikes a request that has just come."""
        self.account.hear(route)
        return self._decider.strike(route, under_way=len(self._under_way))

    async def made(self, route: str, token: object, answering: Awaitable[tuple[Answer, bytes]]) -> Answer:
        """Return the app's answer to a request, noted; a promise of ours is kept, one of the app's is under way."""
        answer, body = await answering
        payload = answer.payload()
        number = lies.number_of(payload)
        if payload is None or number is None or not lies.is_accepted(payload):
            return answer
        request = _request(route, body) if route in ENDPOINTS else None
        if request is not None:
            self.account.accept(number, request)
            if payload["status"] == "processing" and not self.account.is_made(number):
                self._under_way.discard(token)
                self._under_way.add(number)
        return self._as_promised(answer, payload, number)

    def promise(self, act: Processing, answer: Answer) -> Answer | None:
        """Return the answer `processing` to a request that was accepted, and remember when it is to end."""
        payload = answer.payload()
        number = lies.number_of(payload)
        if payload is None or number is None or not lies.is_accepted(payload):
            return None
        due = math.inf if act.seconds is None else self.clock.elapsed() + act.seconds
        self._promised[number] = (due, act)
        if act.ends == "failed":
            self.account.refund(number)
        return answer.saying(lies.promised(payload, eta=act.seconds or ETA))

    def _as_promised(self, answer: Answer, payload: Payload, number: int) -> Answer:
        due, act = self._promised.get(number, (-math.inf, None))
        left = due - self.clock.elapsed()
        if left > 0:
            return answer.saying(lies.promised(payload, eta=ETA if math.isinf(left) else round(left, 1)))
        return answer.saying(lies.failed(payload, act.message)) if act is not None and act.ends == "failed" else answer


class LyingAnswers:
    """ASGI middleware around the app: which fault strikes is decided first, then each acts at its place on the way."""

    def __init__(self, app: ASGIApp, lying: Lying) -> None:
        """Stand around an app."""
        self._app = app
        self._lying = lying

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, truly or not."""
        route = route_of(scope)
        if route == ACCOUNT_PATH:
            body = json.dumps(self._lying.account.said()).encode()
            await _say(Answer(status=200, body=body, headers=((b"content-type", b"application/json"),)), send)
        elif route:
            await self._answer(route, scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _answer(self, route: str, scope: Scope, receive: Receive, send: Send) -> None:
        struck = self._lying.strike(route)
        for one in struck.beside:
            self._lying.account.strike(one.place)
        clock, strike = self._lying.clock, struck.main
        with self._lying.under_way(route, strike) as token:
            await clock.sleep(struck.seconds(Delay, "before_accept"))
            answer = self._instead(strike)
            if answer is None and not (strike is not None and _is_turned_away(strike.act)):
                answer = await self._lying.made(route, token, heard(self._app, scope, receive))
                answer = self._twisted(route, strike, answer)
            await clock.sleep(struck.seconds(Delay, "after_accept"))
            if strike is not None and isinstance(strike.act, Drop):
                self._lying.account.strike(strike.place)
                await self._drop(answer if strike.act.when == "mid_answer" else None, scope, receive, send)
            elif answer is not None:
                await _say(answer, send, clock=clock, seconds=struck.seconds(SlowBody))

    def _instead(self, strike: Strike | None) -> Answer | None:
        """Return the answer to a request of which the app never hears."""
        match strike:
            case Strike(act=Refuse() | QueueFull() | Expire() as act):
                answer = lies.no(act, now=self._lying.clock.now())
            case Strike(act=Html(when="before_accept") as act):
                answer = lies.page(act)
            case _:
                return None
        self._lying.account.strike(strike.place)
        return answer

    def _twisted(self, route: str, strike: Strike | None, answer: Answer) -> Answer:
        """Return what the client hears instead of the app's answer, where that can be told as the fault wants it."""
        if strike is None:
            return answer
        if isinstance(strike.act, Processing):
            told = self._lying.promise(strike.act, answer)
        else:
            told = lies.told_instead(answer, strike.act, strike.chance, is_image=route == "images")
        if told is None:
            return answer
        self._lying.account.strike(strike.place)
        return told

    async def _drop(self, begun: Answer | None, scope: Scope, receive: Receive, send: Send) -> None:
        """End the connection: without a byte, or after half of an answer."""
        abort = scope.get("extensions", {}).get(ABORT)
        if abort is None:
            raise RuntimeError(
                f"a connection cannot be dropped here: the ASGI server offers no extension {ABORT!r}; use `sweep serve` or "
                "`runner.target.serving`"
            )
        if begun is not None:
            await send({"type": "http.response.start", "status": begun.status, "headers": list(begun.headers)})
            await send({"type": "http.response.body", "body": begun.body[: len(begun.body) // 2], "more_body": True})
        abort()
        while (await receive())["type"] != "http.disconnect":
            pass


def _is_turned_away(act: Act) -> bool:
    """Return whether the app never hears of a request that this strikes."""
    match act:
        case Refuse() | QueueFull() | Expire():
            return True
        case Html(when=when) | Drop(when=when):
            return when == "before_accept"
        case _:
            return False


def route_of(scope: Scope) -> str:
    """Return what a request asks for: a route that faults may name, the account, or nothing of interest."""
    if scope["type"] != "http":
        return ""
    path, method = scope["path"], scope["method"]
    if method == "GET":
        return ACCOUNT_PATH if path == ACCOUNT_PATH else "images" if path.startswith("/images/") else ""
    name = _NAMES.get(path) or _NAMES.get(f"{path.rpartition('/')[0]}/{{request_id}}", "")
    return name if method == "POST" and name in GROUPS["any"] else ""


async def heard(app: ASGIApp, scope: Scope, receive: Receive) -> tuple[Answer, bytes]:
    """Return an app's answer, whole, and the body that it was asked with."""
    asked, said = bytearray(), bytearray()
    head: Message = {}

    async def listen() -> Message:
        message = await receive()
        asked.extend(message.get("body", b""))
        return message

    async def note(message: Message) -> None:
        if message["type"] == "http.response.start":
            head.update(message)
        said.extend(message.get("body", b""))

    await app(scope, listen, note)
    return Answer(status=head["status"], body=bytes(said), headers=tuple(map(tuple, head["headers"]))), bytes(asked)


def _request(route: str, body: bytes) -> Request | None:
    endpoint: Endpoint = next(name for name in ENDPOINTS if name == route)
    request = wire.ask(endpoint, json.loads(body))
    return request if isinstance(request, Request) else None


async def _say(answer: Answer, send: Send, *, clock: Clock | None = None, seconds: float = 0.0) -> None:
    await send({"type": "http.response.start", "status": answer.status, "headers": list(answer.headers)})
    if clock is not None and seconds:
        size = max(1, math.ceil(len(answer.body) / PIECES))
        for start in range(0, len(answer.body), size):
            await clock.sleep(seconds / PIECES)
            await send({"type": "http.response.body", "body": answer.body[start : start + size], "more_body": True})
    rest = b"" if seconds else answer.body
    await send({"type": "http.response.body", "body": rest, "more_body": False})
