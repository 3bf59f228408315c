"""Conversations with the endpoint without a socket."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx

from runner.engine import Engine
from runner.server import Settings, create_app, running
from tests.contracts.server import Recorder


@asynccontextmanager
async def in_process(
    engines: Engine | Sequence[Engine], settings: Settings | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    """Run the endpoint, and give a client of it."""
    app = create_app(engines, settings)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with running(app), httpx.AsyncClient(transport=transport, base_url="http://target/api/v1/enterprise") as http:
        yield http


def talk(
    say: Callable[[httpx.AsyncClient], Awaitable[Any]], engines: Engine | Sequence[Engine] | None = None, **options: Any
) -> Any:
    """Return what a conversation comes to; `options` are the server's settings."""

    async def session() -> Any:
        async with in_process(engines or Recorder(), Settings(**options)) as http:
            return await say(http)

    return asyncio.run(session())
