"""A target that answers by a script, in this process, and a sweep against it with a clock that moves when someone sleeps."""

import asyncio
import io
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import clocks
import httpx
from PIL import Image
from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from runner.client import Client
from runner.execute import Bench, Stop, execute
from runner.ledger import Ledger
from runner.nouns import Cell, Execution, Limits, Request, State
from runner.pace import Budget
from runner.vault import Vault

Answer = Callable[[dict[str, object]], Response]


def png(shade: int = 0) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16), (shade, shade, shade)).save(buffer, "PNG")
    return buffer.getvalue()


def cell(number: int) -> Cell:
    request = Request(endpoint="text2img", parameters={"model_id": "any", "prompt": "a house", "seed": number})
    return Cell(digest=f"{number:064x}", coordinates={"seed": str(number)}, request=request)


@dataclass
class Server:
    """Answers each POST by a script, the last answer again when the script is over; counts what was asked."""

    script: Sequence[Answer]
    images: dict[str, bytes] = field(default_factory=dict)
    posts: list[dict[str, object]] = field(default_factory=list)
    fetches: int = 0
    downloads: int = 0

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/api/text2img", self.generate, methods=["POST"]),
                Route("/api/fetch", self.fetch, methods=["POST"]),
                Route("/images/{name}", self.image),
            ]
        )

    async def generate(self, asked: HttpRequest) -> Response:
        body = await asked.json()
        answer = self.script[min(len(self.posts), len(self.script) - 1)]
        self.posts.append(body)
        return answer(body)

    async def fetch(self, asked: HttpRequest) -> Response:
        self.fetches += 1
        return success({"seed": int((await asked.json())["request_id"])})

    async def image(self, asked: HttpRequest) -> Response:
        self.downloads += 1
        return Response(self.images.get(asked.path_params["name"], png(7)), media_type="image/png")


def success(body: dict[str, object]) -> Response:
    link = f"http://target/images/{body['seed']}.png"
    return JSONResponse(
        {
            "status": "success",
            "id": body["seed"],
            "generationTime": 0.5,
            "output": [link],
            "meta": {"seed": body["seed"]},
        }
    )


def processing(body: dict[str, object]) -> Response:
    return JSONResponse({"status": "processing", "id": body["seed"], "eta": 2, "output": []})


def busy(_: dict[str, object]) -> Response:
    return JSONResponse({"status": "error", "message": "queue is full", "retry_after": 3}, status_code=429)


def bad(_: dict[str, object]) -> Response:
    return JSONResponse({"status": "error", "message": "width must be between 256 and 1024"}, status_code=400)


def no_credit(_: dict[str, object]) -> Response:
    return JSONResponse({"status": "error", "message": "not enough credits"}, status_code=402)


def gateway(_: dict[str, object]) -> Response:
    return Response("<html>bad gateway</html>", status_code=502)


def empty(_: dict[str, object]) -> Response:
    return JSONResponse({"status": "error", "message": "prompt was flagged by the content policy"})


FULL_PAGES = 20
"""Pages that a ledger may have on a disk that is soon full; an empty one has fewer."""


class Time(clocks.Time):
    """It moves for those who wait for something, and lets the others go on meanwhile."""

    async def sleep(self, seconds: float) -> None:
        if seconds > 0:
            await super().sleep(seconds)
        await asyncio.sleep(0)


@asynccontextmanager
async def bench(
    server: Server, run: Path, *, limits: Limits | None = None, time: Time | None = None
) -> AsyncIterator[Bench]:
    clock = (time or Time()).clock()
    transport = httpx.ASGITransport(app=server.app(), raise_app_exceptions=False)
    vault = Vault(run)
    async with httpx.AsyncClient(transport=transport, base_url="http://target/api") as http:
        with Ledger(run / "ledger.sqlite") as ledger:
            yield Bench(
                client=Client(http, load=vault.load_input, clock=clock),
                ledger=ledger,
                vault=vault,
                budget=Budget(limits or Limits(), price=0.01, started=clock.elapsed()),
                clock=clock,
            )


def swept(
    server: Server, run: Path, cells: Sequence[Cell], execution: Execution | None = None, **options: object
) -> tuple[dict[str, State], Stop]:
    async def sweeping() -> tuple[dict[str, State], Stop]:
        stop = Stop()
        async with bench(server, run, **options) as tools:  # type: ignore[arg-type]  # options are bench's own
            await execute(cells, tools, execution or Execution(concurrency=2), stop)
            return {digest: standing.state for digest, standing in tools.ledger.standings().items()}, stop

    return asyncio.run(sweeping())
