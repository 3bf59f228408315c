"""What each route does.

> Invariant 5, secrets are references: the server's key is compared in constant time and stands in no answer and no log.
"""

import asyncio
import hmac
import math
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from runner import wire
from runner.nouns import ENDPOINTS, Concern, Endpoint, Queued, Ready, Refused, Request
from runner.pace import Clock
from runner.schema import endpoint_schema
from runner.server.answers import Handler, Rejection, bad_request, refused, spoken
from runner.server.generations import SEEDS, generations, not_applied
from runner.server.hooks import Post
from runner.server.jobs import Desk, Job, Order
from runner.server.reading import fetch_link, post_json, read_image, read_json


def any_seed() -> int:
    """Draw a seed that nobody can guess."""
    return secrets.randbelow(SEEDS)


def any_number() -> int:
    """Draw a request's name: nobody can guess it, and every JSON reader can hold it."""
    return secrets.randbelow(2**53)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a server behaves.

    Attributes:
        key: what requests must carry; empty lets everyone in.
        patience: seconds that an answer waits for its images before it says `processing`; 0 never waits, infinity
            waits for as long as it takes.
        queue_limit: requests that may wait beside the one that is being made; one more is answered with 429.
        preload: model that every engine loads when the server starts; empty loads with the first picture.
        lifetime: seconds that links live where `temp: yes` was asked.
        memory: bytes of finished pictures to keep for links and fetches; the oldest are forgotten first.
        clock: time.
        draw_seed: the seed of a request that leaves it to the server.
        draw_number: names a request. The name is all that guards its pictures, and a client may ask a later process
            for it: it is neither guessable nor ever the same twice.
        fetch_image: returns the bytes behind a link in a request, or raises DownloadError: the place to refuse links
            that strangers should not make this machine follow.
        post_hook: sends a webhook's JSON and returns the HTTP status.
    """

    key: str = field(default="", repr=False)
    patience: float = 25.0
    queue_limit: int = 100
    preload: str = ""
    lifetime: float = 24 * 3600.0
    memory: int = 256 * 2**20
    clock: Clock = field(default_factory=Clock)
    draw_seed: Callable[[], int] = any_seed
    draw_number: Callable[[], int] = any_number
    fetch_image: Callable[[str], Awaitable[bytes]] = fetch_link
    post_hook: Post = post_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Answers requests: checks the key and the body, hands work to the desk, words the answer."""

    desk: Desk
    settings: Settings

    def generate(self, endpoint: Endpoint) -> Handler:
        """Return the route of text2img, img2img or inpaint."""

        async def generating(http: HttpRequest) -> Response:
            request = wire.ask(endpoint, await self._body(http))
            if isinstance(request, list):
                raise bad_request("; ".join(request))
            job = await self._submit(request, base=_base(http))
            await self._wait(job)
            return self._answer(job, http, word="error")

        return generating

    async def fetch(self, http: HttpRequest) -> Response:
        """Answer both forms of fetch: the number in the path, or as `request_id` in the body."""
        body = await self._body(http)
        said = str(http.path_params.get("request_id") or body.get("request_id") or "")
        if not said:
            raise bad_request("request_id is required")
        job = self.desk.find(int(said)) if said.isascii() and said.isdigit() and len(said) < 19 else None
        if job is None:
            message = f"request_id: no request {said[:32]!r} is known here; it was never made, or is forgotten by now"
            raise Rejection(Refused(concern=Concern.CELL, message=message, status=404))
        return self._answer(job, http, word="failed")

    async def image(self, http: HttpRequest) -> Response:
        """Answer a link: the picture, 404 as long as there is none, 410 when there never will be one."""
        job, place = self.desk.find(http.path_params["number"]), http.path_params["place"]
        if job is None or place >= job.samples or job.refused:
            raise Rejection(Refused(concern=Concern.CELL, message="no such image, or it is forgotten", status=410))
        if not job.done.is_set():
            raise Rejection(Refused(concern=Concern.CELL, message="the image is not made yet", status=404))
        return Response(job.pictures[place], media_type="image/png", headers={"X-Content-Type-Options": "nosniff"})

    async def schedulers_list(self, http: HttpRequest) -> Response:
        """Answer with the names of the schedulers."""
        await self._body(http)
        names = endpoint_schema("text2img").properties["scheduler"]["enum"]
        return spoken({"status": "success", "schedulers": list(names)})

    async def get_all_models(self, http: HttpRequest) -> Response:
        """Answer with the models and the digests of their files."""
        await self._body(http)
        models = [{"model_id": name, "digest": digest} for name, digest in (await self._models()).items()]
        return spoken({"status": "success", "models": models})

    async def verify_model(self, http: HttpRequest) -> Response:
        """Answer whether a model is there."""
        model_id = (await self._body(http)).get("model_id")
        if not isinstance(model_id, str) or not model_id:
            raise bad_request("model_id is required")
        models = await self._models()
        if model_id not in models:
            raise bad_request(f"no model {model_id[:80]!r} is here; there are {', '.join(models)}")
        return spoken({"status": "success", "message": "the model is ready", "model_id": model_id})

    async def system_details(self, http: HttpRequest) -> Response:
        """Answer what serves here, and how busy it is."""
        await self._body(http)
        return spoken(
            {
                "status": "success",
                "engine": self.desk.engine.name,
                "models": list(await self._models()),
                "workers": len(self.desk.engines),
                "busy": self.desk.busy,
                "waiting": self.desk.waiting,
                "queue_limit": self.settings.queue_limit,
            }
        )

    async def hello(self, http: HttpRequest) -> Response:
        """Answer a browser with what this is."""
        endpoints = [f"{_base(http)}{wire.ROUTES[name][0]}" for name in ENDPOINTS]
        return spoken({"server": "sweeprunner", "engine": self.desk.engine.name, "endpoints": endpoints})

    async def _body(self, http: HttpRequest) -> dict[str, object]:
        """Return a request's JSON once its key fits. Raises Rejection."""
        body = await read_json(http)
        given = str(body.get("key") or "").encode("utf-8", "replace")
        if self.settings.key and not hmac.compare_digest(given, self.settings.key.encode()):
            raise Rejection(Refused(concern=Concern.RUN, message="Invalid API key", status=401))
        return body

    async def _models(self) -> Mapping[str, str]:
        return await asyncio.to_thread(self.desk.engine.models)

    async def _submit(self, request: Request, *, base: str) -> Job:
        """Hand a request to the desk, its images read, its prompt enhanced and its seed drawn.

        Raises:
            Rejection: an image cannot be read, or the queue is full.
            EngineError: the engine has no such model.
        """
        asked = request.parameters
        sent = [name for name in wire.IMAGES if name in asked]
        images = {name: await read_image(name, str(asked[name]), self.settings.fetch_image) for name in sent}
        prompt, seed = str(asked["prompt"]), asked["seed"]
        if asked["enhance_prompt"] == "yes":
            prompt = await asyncio.to_thread(self.desk.engine.enhance, prompt, str(asked["model_id"]))
        seed = self.settings.draw_seed() if seed is None else int(seed)
        meta = wire.meta(request, prompt=prompt, seed=seed, not_applied=not_applied(request))
        order = Order(
            generations=generations(request, prompt=prompt, seed=seed, images=images),
            meta=meta,
            encoded=asked["base64"] == "yes",
            temporary=asked["temp"] == "yes",
            base=base,
            webhook=str(asked.get("webhook") or ""),
            track_id=str(asked.get("track_id") or ""),
        )
        return self.desk.submit(order)

    async def _wait(self, job: Job) -> None:
        """Wait for a request, the server's patience long; a client that goes away changes nothing about it."""
        patience = None if math.isinf(self.settings.patience) else self.settings.patience
        try:
            async with asyncio.timeout(patience):
                await job.done.wait()
        except TimeoutError:
            return

    def _answer(self, job: Job, http: HttpRequest, *, word: wire.Word) -> Response:
        base = _base(http)
        if job.refused:
            return refused(job.refused, word=word)
        if job.done.is_set():
            return spoken(_success(job, base))
        links = () if job.order.encoded else _links(job, base)
        fetch_result = f"{base}{wire.BASES[0]}/fetch/{job.number}"
        queued = Queued(remote_id=str(job.number), eta=self.desk.eta(job), fetch_result=fetch_result)
        return spoken(wire.processing(queued, meta=job.order.meta, future_links=links, tip=_tip(job)))


def hook_payload(job: Job) -> dict[str, object]:
    """Return what a finished request's webhook is told: the answer that a fetch would get, with `track_id`."""
    answer = wire.refusal(job.refused, word="failed") if job.refused else _success(job, job.order.base)
    return wire.told(answer, remote_id=str(job.number), track_id=job.order.track_id)


def _success(job: Job, base: str) -> dict[str, object]:
    order = job.order
    ready = Ready(
        remote_id=str(job.number),
        outputs=tuple(map(wire.encode_image, job.pictures)) if order.encoded else _links(job, base),
        encoded=order.encoded,
        meta=order.meta,
        seconds=round(job.seconds, 3),
        nsfw=job.unsafe,
    )
    return wire.success(ready, tip=_tip(job), webhook_status=job.webhook_status)


def _links(job: Job, base: str) -> tuple[str, ...]:
    return tuple(f"{base}/images/{job.number}-{place}.png" for place in range(job.samples))


def _tip(job: Job) -> str:
    inert = job.order.meta["not_applied"]
    return f"without effect here: {', '.join(inert)}" if isinstance(inert, list) and inert else ""


def _base(http: HttpRequest) -> str:
    """Return the address that the client used, without a slash at the end."""
    return str(http.base_url).rstrip("/")
