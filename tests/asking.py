"""A client in this process and a server that answers it by a list: what was asked, with which key, and what came of it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
from clocks import Time
from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from runner.client import Client, Patience
from runner.nouns import Queued, Ready, Request

KEY = "sesame-open-4711"
REQUEST = Request(endpoint="text2img", parameters={"model_id": "any", "prompt": "a red house", "seed": 7})
SUCCESS = {"status": "success", "id": 12, "output": ["http://target/images/12-0.png"], "meta": {"seed": 7}}
PROCESSING = {"status": "processing", "id": 12, "eta": 8, "output": []}
READY = Ready(remote_id="12", outputs=("http://target/images/12-0.png",), meta={"seed": 7})


class Script:
    """Answers every request by a list, the last answer again when it is over, and keeps what was asked."""

    def __init__(self, *answers: Response | dict[str, Any]) -> None:
        self.answers = answers
        self.asked: list[tuple[str, str, Any]] = []
        self.headers: list[dict[str, str]] = []

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/{path:path}", self.answer, methods=["GET", "POST"])])

    async def answer(self, http: HttpRequest) -> Response:
        answer = self.answers[min(len(self.asked), len(self.answers) - 1)]
        body = await http.json() if http.method == "POST" else await http.body()
        self.asked.append((http.method, str(http.url), body))
        self.headers.append(dict(http.headers))
        return answer if isinstance(answer, Response) else JSONResponse(answer)

    @property
    def paths(self) -> list[str]:
        return [httpx.URL(url).path.removeprefix("/api/v1/enterprise/") for _, url, _ in self.asked]


def refused(status: int, **words: Any) -> Response:
    return JSONResponse({"status": "error", **words}, status_code=status)


def load(sha256: str) -> bytes:
    return {"aa": b"picture"}[sha256]


def talk(
    app: Any, say: Callable[[Client], Awaitable[Any]], time: Time | None = None, patience: Patience | None = None
) -> Any:
    async def session() -> Any:
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://target/api/v1/enterprise") as http:
            clock = (time or Time()).clock()
            return await say(Client(http, load=load, key=KEY, clock=clock, patience=patience))

    return asyncio.run(session())


def wait(script: Script, queued: Queued, time: Time, seconds: float = 1000.0) -> Any:
    return talk(script.app(), lambda client: client.wait(queued, deadline=time.seconds + seconds), time)
