"""A server that lies on purpose, as a file of faults says, and what a socket and our client make of it."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx

from runner.client import Client, Patience
from runner.nouns import Reply, Request
from runner.pace import Clock
from runner.server import Settings, create_app
from runner.server.faults import Faults, load
from runner.target import serving
from tests.contracts.server import BODY, Recorder


def told(text: str, tmp_path: Path) -> Faults:
    path = tmp_path / "faults.yaml"
    path.write_text(text)
    return load(path)


class Scene:
    """A lying server on a socket, and a client of it."""

    def __init__(self, http: httpx.AsyncClient, clock: Clock) -> None:
        self.http = http
        self.client = Client(http, load=lambda _: b"", clock=clock, patience=Patience(shortest_poll=0.01, link=1.0))

    async def make(self, **more: Any) -> httpx.Response:
        return await self.http.post("text2img", json=BODY | more)

    async def send(self, **more: Any) -> Reply:
        return await self.client.send(Request(endpoint="text2img", parameters=BODY | more))

    async def account(self) -> dict[str, Any]:
        said: dict[str, Any] = (await self.http.get(self.http.base_url.join("/faults"))).json()
        return said


def stage(tmp_path: Path) -> Callable[..., Any]:
    """Return what plays a scene with a server that lies as listed: `lying = pytest.fixture(stage)`."""

    def play(listed: str, say: Callable[[Scene], Awaitable[Any]], **options: Any) -> Any:
        async def session() -> Any:
            faults = told(f"seed: 7\nfaults:\n  - {listed}\n", tmp_path)
            app = create_app(options.pop("engine", None) or Recorder(), Settings(faults=faults, **options))
            async with asyncio.timeout(30), serving(app) as url, httpx.AsyncClient(base_url=url) as http:
                return await say(Scene(http, options.get("clock") or Clock()))

        return asyncio.run(session())

    return play


def instantly() -> tuple[list[float], Clock]:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        await asyncio.sleep(0)

    return slept, Clock(sleep=sleep, elapsed=lambda: sum(slept))


async def both(awaited: Awaitable[Any], scene: Scene) -> tuple[Any, dict[str, Any]]:
    return await awaited, await scene.account()
