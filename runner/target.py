"""An address becomes an open client: the hosted service, or the server in this process.

One way for both: `runner.client` speaks the HTTP contract to a URL, or over `httpx.ASGITransport` to the same ASGI app
that `sweep serve` puts on a socket. The second is the product's own path, not a test's trick.

> Invariant 5, secrets are references: a key is looked up here, when a target is opened, and handed to the client alone.
"""

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Callable, Generator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from runner import wire
from runner.carrier import carrier
from runner.client import Client, Mailbox
from runner.engine import Engine
from runner.engine.diffusion import DiffusionEngine
from runner.engine.process import ProcessEngine, end_children
from runner.engine.sketch import SketchEngine
from runner.engine.tuning import PLAIN, Tuning
from runner.errors import InputError
from runner.nouns import Address, Provider
from runner.pace import Clock
from runner.receiver import MOST_SENDERS, Webhook, create_receiver
from runner.schema import did_you_mean
from runner.server import ABORT, App, Outside, Settings, create_app, running
from runner.shipped import shipped

ENGINES = ("diffusion", "sketch")

REFERENCE = re.compile(r"\$\{env:([A-Za-z_][A-Za-z0-9_]*)\}")

CONNECT = 10.0
"""Seconds to reach a host."""

ANSWER = 300.0
"""Seconds to wait for bytes of an answer: images take their time."""

HEAD_SECONDS = 20.0
"""For a new connection to send its first request's head; uvicorn itself would wait for ever."""

ANYWHERE = Outside(allow_private=True)

IN_PROCESS = Settings(patience=25.0, queue_limit=10_000, fetch_image=ANYWHERE.fetch, post_hook=ANYWHERE.post)
"""In this process nobody else queues, so that the sweep's own concurrency is the limit; and nobody else asks, so that a
link may lead wherever the user's own programs could."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where requests go, open: the client, and who makes the pictures."""

    client: Client
    provider: Provider


@asynccontextmanager
async def open_target(
    address: Address,
    *,
    load: Callable[[str], bytes],
    environ: Mapping[str, str],
    webhook: Webhook | None = None,
    clock: Clock | None = None,
) -> AsyncIterator[Target]:
    """Open a target for the length of an `async with` block.

    Args:
        address: embedded, sketch or a URL.
        load: returns the bytes of a local image by its SHA-256.
        environ: where the reference to a key is looked up.
        webhook: where a hosted service sends its answers; a receiver listens there as long.
        clock: the client's time and chance.

    Raises:
        InputError: the address is none, its key's variable is not set, or there is no use for a webhook, or no place.
        EngineMissing: the embedded engine's packages are not installed.
    """
    provider = provider_of(address)
    if address.hosted:
        key = resolve_key(address, environ)
        timeout = httpx.Timeout(ANSWER, connect=CONNECT)
        http_client = httpx.AsyncClient(base_url=provider.target, timeout=timeout, transport=carrier())
        async with http_client as http, _receiving(webhook) as mailbox:
            client = Client(http, load=load, key=key, clock=clock)
            client.mailbox = mailbox
            yield Target(client=client, provider=provider)
        return
    if webhook is not None:
        raise InputError(
            f"--webhook: the target {address.name} makes its pictures in this process; a webhook is for a hosted "
            "service, whose target is a URL: leave the flag out"
        )
    app = create_app(_engine_of(address), IN_PROCESS)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    base_url = f"http://{address.name}{wire.BASES[0]}"
    async with running(app), httpx.AsyncClient(transport=transport, base_url=base_url) as http:
        yield Target(client=Client(http, load=load, clock=clock), provider=provider)


@asynccontextmanager
async def _receiving(webhook: Webhook | None) -> AsyncIterator[Mailbox | None]:
    """Listen for a webhook's answers for the length of an `async with` block, which is given their mailbox."""
    if webhook is None:
        yield None
        return
    mailbox = Mailbox(webhook.url, draw=webhook.draw)
    async with serving(create_receiver(mailbox), host=webhook.host, port=webhook.port, most=MOST_SENDERS):
        yield mailbox


def provider_of(address: Address) -> Provider:
    """Return who makes an address's pictures, without opening it: files are hashed, torch is not imported.

    Raises:
        InputError: the address is none.
        EngineError: the folder of models holds none.
    """
    if address.hosted:
        return Provider(target=_base_url(address.name))
    return Provider(target=address.name, models=_engine_of(address).models())


def make_engine(name: str, *, model_dir: Path | None = None, device: str = "cpu") -> Engine:
    """Return an engine by its name, "diffusion" or "sketch"; the shipped models without a folder.

    Raises:
        InputError: no engine has that name.
        EngineMissing: its packages are not installed.
    """
    return recipe_of(name, model_dir=model_dir, device=device)()


def make_engines(
    workers: int, name: str, *, model_dir: Path | None = None, device: str = "cpu", tuning: Tuning = PLAIN
) -> Sequence[Engine]:
    """Return so many engines for one server: the first in this process if it is alone, each in its own otherwise.

    Raises:
        InputError: no engine has that name.
        EngineMissing: its packages are not installed.
    """
    recipe = recipe_of(name, model_dir=model_dir, device=device, tuning=tuning)
    return [recipe()] if workers == 1 else [ProcessEngine(recipe) for _ in range(workers)]


def recipe_of(name: str, *, model_dir: Path | None, device: str, tuning: Tuning = PLAIN) -> Callable[[], Engine]:
    """Return what makes an engine; picklable, so that it can be made in another process or on another machine.

    Raises:
        InputError: no engine has that name.
    """
    match name:
        case "diffusion":
            return partial(DiffusionEngine, model_dir or shipped("models"), device=device, tuning=tuning)
        case "sketch":
            return SketchEngine
        case _:
            raise InputError(f"engine: {name!r} is no engine{did_you_mean(name, ENGINES)}")


def resolve_key(address: Address, environ: Mapping[str, str]) -> str:
    """Return the key that an address refers to; empty when it refers to none.

    Raises:
        InputError: the reference is none, or its variable is not set.
    """
    if not address.key:
        return ""
    found = REFERENCE.fullmatch(address.key)
    if not found:
        raise InputError("target.key: a key itself never stands in a file; write ${env:NAME} and set that variable")
    if not environ.get(found[1]):
        raise InputError(f"target.key: the variable {found[1]} is not set; it holds the key: export {found[1]}=…")
    return environ[found[1]]


async def serve_forever(app: App, *, host: str, port: int, started: Callable[[str], None] | None = None) -> None:
    """Serve an app over HTTP until SIGINT or SIGTERM; what is being answered then is finished.

    A SIGINT while that lasts ends the engines' processes at once, and what they are making is lost.

    Args:
        app: from `runner.server.create_app`.
        host: name or address to listen on.
        port: 0 takes a free one.
        started: is told the URL once the server answers there.

    Raises:
        InputError: nothing can listen there, because another program does, for example.
    """
    listener = _listen(host, port)
    server = _Server(app, _url(listener))
    if started is not None:
        server.ready.add_done_callback(lambda ready: started(ready.result()))
    try:
        await server.serve(sockets=[listener])
    finally:
        if server.force_exit:
            end_children()


@asynccontextmanager
async def serving(app: App, *, host: str = "127.0.0.1", port: int = 0, most: int | None = None) -> AsyncIterator[str]:
    """Serve an app over HTTP for the length of an `async with` block, which is given its URL; signals are left alone.

    Args:
        app: an ASGI app.
        host: name or address to listen on.
        port: 0 takes a free one.
        most: connections at once, above which the answer is 503; None for no limit.

    Raises:
        InputError: nothing can listen there.
    """
    listener = _listen(host, port)
    server = _Server(app, _url(listener), signals=False, most=most)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield await server.ready
    finally:
        server.should_exit = True
        await task


class _Connection(H11Protocol):
    """Uvicorn's connection, closed when it asks nothing: one that sends a byte at a time would be held for ever.

    It offers the app the extension `runner.server.ABORT`, with which a server that lies on purpose drops a connection.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app = _abortable(self.app, transport)
        self._head_due = self.loop.call_later(HEAD_SECONDS, self._close_if_silent)

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_due.cancel()
        super().connection_lost(exc)

    def _close_if_silent(self) -> None:
        if self.cycle is None:
            self.transport.close()


def _abortable(app: Any, transport: asyncio.Transport) -> Any:
    async def serve(scope: dict[str, Any], receive: Any, send: Any) -> None:
        scope.setdefault("extensions", {})[ABORT] = transport.abort
        await app(scope, receive, send)

    return serve


class _Server(uvicorn.Server):
    """Uvicorn without its log lines; `ready` has the URL once it answers there."""

    def __init__(self, app: App, url: str, *, signals: bool = True, most: int | None = None) -> None:
        config = uvicorn.Config(
            app, http=_Connection, log_config=None, access_log=False, lifespan="on", ws="none", limit_concurrency=most
        )
        super().__init__(config)
        self.ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._url = url
        self._signals = signals

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set_result(self._url)

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        with super().capture_signals() if self._signals else nullcontext():
            yield


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(
            f"{host}:{port}: {reason}; an address of this machine and a free port are needed: choose another, or port 0"
        ) from error


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}{wire.BASES[0]}"


def _base_url(name: str) -> str:
    """Return a target's URL in one spelling. Raises InputError; it never repeats what may be a secret."""
    try:
        url = httpx.URL(name)
    except httpx.InvalidURL as error:
        raise InputError(f"target: {error}; write a URL such as https://host/api/v1/enterprise") from error
    if url.scheme not in ("http", "https") or not url.host or url.userinfo or url.query or url.fragment:
        raise InputError(
            "target: the URL has more than scheme, host and path, or another scheme; write one such as "
            "https://host/api/v1/enterprise, and the key as a reference: key: ${env:NAME}"
        )
    return str(url).rstrip("/")


def _engine_of(address: Address) -> Engine:
    if address.name not in ("embedded", "sketch"):
        raise InputError(f"target: {address.name!r} is neither embedded nor sketch nor a URL; write one of these")
    model_dir = Path(address.model_dir).expanduser() if address.model_dir else None
    return make_engine("diffusion" if address.name == "embedded" else "sketch", model_dir=model_dir)
