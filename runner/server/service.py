"""What each route does.

> Invariant 5, secrets are references: the server's key is compared in constant time and stands in no answer and no log.
"""

import asyncio
import math
import re
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from runner import wire
from runner.client import DownloadError
from runner.engine.warehouse import Warehouse
from runner.nouns import ENDPOINTS, Concern, Endpoint, Queued, Ready, Refused, Request
from runner.pace import Clock
from runner.server.answers import Handler, Rejection, bad_request, spoken
from runner.server.faults import Faults
from runner.server.generations import SEEDS, generations, not_applied
from runner.server.hooks import Post
from runner.server.job import Job, Order
from runner.server.jobs import Desk
from runner.server.openapi import description
from runner.server.outside import Outside
from runner.server.reading import read_body, read_image
from runner.server.store import Store
from runner.server.uploads import Uploads

OUTSIDE = Outside()
"""What follows links where nothing else is said: to public addresses alone."""


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
        queue_limit: requests that may wait beside those that are being made; one more is answered with 429.
        preload: model that every engine loads when the server starts; empty loads with the first picture.
        batch: pictures that an engine may make in one go, of requests that wait and agree in all but prompts, seeds and
            initial images; 1 makes each alone, with bytes that depend on no other request.
        lifetime: seconds that links live where `temp: yes` was asked.
        memory: bytes of finished pictures to keep for links and fetches; the oldest are forgotten first.
        clock: time.
        draw_seed: the seed of a request that leaves it to the server.
        draw_number: names a request. The name is all that guards its pictures, and a client may ask a later process
            for it: it is neither guessable nor ever the same twice.
        fetch_image: returns the bytes behind a link in a request, or raises DownloadError.
        post_hook: sends a webhook's JSON and returns the HTTP status.
        store: where pictures and uploads are kept beyond the process and its memory; None keeps them in memory alone.
        warehouse: where load_model, load_vae and delete_model work; None refuses them.
        faults: how the server lies to its clients; None for the truth.
    """

    key: str = field(default="", repr=False)
    patience: float = 25.0
    queue_limit: int = 100
    preload: str = ""
    batch: int = 1
    lifetime: float = 24 * 3600.0
    memory: int = 256 * 2**20
    clock: Clock = field(default_factory=Clock)
    draw_seed: Callable[[], int] = any_seed
    draw_number: Callable[[], int] = any_number
    fetch_image: Callable[[str], Awaitable[bytes]] = OUTSIDE.fetch
    post_hook: Post = OUTSIDE.post
    store: Store | None = None
    warehouse: Warehouse | None = None
    faults: Faults | None = None


LONGEST_TRACK_ID = 256
"""Characters, as the schema of a request allows."""

OWN_LINK = re.compile(r"/images/(?P<number>[0-9]{1,18})-(?P<place>[0-9])\.png")
"""The path of a picture that was made here, or uploaded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Answers requests: checks the key and the body, hands work to the desk, words the answer."""

    desk: Desk
    uploads: Uploads
    settings: Settings

    def generate(self, endpoint: Endpoint) -> Handler:
        """Return the route of text2img, img2img or inpaint."""

        async def generating(http: HttpRequest) -> Response:
            request = wire.ask(endpoint, await read_body(http, key=self.settings.key))
            if isinstance(request, list):
                raise bad_request("; ".join(request))
            job = await self._submit(request, base=_base(http))
            await self._wait(job)
            return self._answer(job, http, word="error")

        return generating

    async def fetch(self, http: HttpRequest) -> Response:
        """Answer both forms of fetch: the number in the path, or as `request_id` in the body."""
        body = await read_body(http, key=self.settings.key)
        said = str(http.path_params.get("request_id") or body.get("request_id") or "")
        if not said:
            raise bad_request("request_id is required")
        job = await self.desk.recall(int(said)) if said.isascii() and said.isdigit() and len(said) < 19 else None
        if job is None:
            message = f"request_id: no request {said[:32]!r} is known here; it was never made, or is forgotten by now"
            raise Rejection(Refused(concern=Concern.CELL, message=message, status=404))
        return self._answer(job, http, word="failed")

    async def fetch_by_track_id(self, http: HttpRequest) -> Response:
        """Answer what became of a request whose own answer was lost; what was never accepted is not taken later."""
        body = await read_body(http, key=self.settings.key)
        track_id, withdraw = body.get("track_id"), body.get("withdraw", "no")
        if not isinstance(track_id, str) or not 0 < len(track_id) <= LONGEST_TRACK_ID:
            raise bad_request(f"track_id is required: a text of at most {LONGEST_TRACK_ID} characters")
        if withdraw not in ("yes", "no"):
            raise bad_request("withdraw must be yes or no")
        number = await self.desk.trace(track_id)
        if number is None:
            if withdraw == "yes":
                self.desk.tracks.withdraw(track_id)
            withdrawn, reach = self.desk.tracks.is_withdrawn(track_id), round(self.desk.tracks.reach, 3)
            return spoken(wire.never_accepted(track_id, remembers=reach, withdrawn=withdrawn), 404)
        job = await self.desk.recall(number)
        if job is None:
            return spoken(wire.forgotten(track_id, number), 410)
        payload, status = self._said(job, _base(http), word="failed")
        return spoken(wire.told(payload, remote_id=str(number), track_id=track_id), status)

    async def image(self, http: HttpRequest) -> Response:
        """Answer a link: the picture, 404 as long as there is none, 410 when there never will be one."""
        found = OWN_LINK.fullmatch(f"/images/{http.path_params['name']}.png")
        number, place = (int(found["number"]), int(found["place"])) if found else (-1, 0)
        job = await self.desk.recall(number)
        picture = await self._picture(job, number, place)
        if picture is not None:
            return Response(picture, media_type="image/png", headers={"X-Content-Type-Options": "nosniff"})
        if job is None or place >= job.samples or job.refused:
            raise Rejection(Refused(concern=Concern.CELL, message="no such image, or it is forgotten", status=410))
        raise Rejection(Refused(concern=Concern.CELL, message="the image is not made yet", status=404))

    async def openapi(self, _: HttpRequest) -> Response:
        """Answer with the description of every route."""
        return spoken(description())

    async def hello(self, http: HttpRequest) -> Response:
        """Answer a browser with what this is."""
        endpoints = [f"{_base(http)}{wire.ROUTES[name][0]}" for name in ENDPOINTS]
        return spoken({"server": "sweeprunner", "engine": self.desk.engine.name, "endpoints": endpoints})

    async def _submit(self, request: Request, *, base: str) -> Job:
        """Hand a request to the desk, its images read, its prompt enhanced and its seed drawn.

        Raises:
            Rejection: an image cannot be read, or the queue is full.
            EngineError: the engine has no such model.
        """
        asked = request.parameters
        sent = [name for name in wire.IMAGES if name in asked]
        images = {name: await read_image(name, str(asked[name]), self._fetcher(base)) for name in sent}
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

    def _fetcher(self, base: str) -> Callable[[str], Awaitable[bytes]]:
        """Return what follows links: this server's own lead to its memory, and never over the network."""

        async def fetch(link: str) -> bytes:
            if not link.startswith(f"{base}/images/"):
                return await self.settings.fetch_image(link)
            found = OWN_LINK.fullmatch(link.removeprefix(base))
            number, place = (int(found["number"]), int(found["place"])) if found else (-1, 0)
            picture = await self._picture(await self.desk.recall(number), number, place)
            if picture is None:
                raise DownloadError(f"{link[:200]}: no such image is here, or it is forgotten")
            return picture

        return fetch

    async def _picture(self, job: Job | None, number: int, place: int) -> bytes | None:
        """Return a picture that a request made, or, where no request has the number, that was uploaded."""
        if job is None:
            return await self.uploads.find(number) if place == 0 else None
        return job.pictures[place] if place < len(job.pictures) else None

    async def _wait(self, job: Job) -> None:
        """Wait for a request, the server's patience long; a client that goes away changes nothing about it."""
        patience = None if math.isinf(self.settings.patience) else self.settings.patience
        try:
            async with asyncio.timeout(patience):
                await job.done.wait()
        except TimeoutError:
            return

    def _answer(self, job: Job, http: HttpRequest, *, word: wire.Word) -> Response:
        return spoken(*self._said(job, _base(http), word=word))

    def _said(self, job: Job, base: str, *, word: wire.Word) -> tuple[dict[str, object], int]:
        """Return the payload that says what became of a request, and its HTTP status."""
        if job.refused:
            return wire.refusal(job.refused, word=word), job.refused.status or 500
        if job.done.is_set():
            return _success(job, base), 200
        links = () if job.order.encoded else _links(job, base)
        fetch_result = f"{base}{wire.BASES[0]}/fetch/{job.number}"
        queued = Queued(remote_id=str(job.number), eta=self.desk.eta(job), fetch_result=fetch_result)
        return wire.processing(queued, meta=job.order.meta, future_links=links, tip=_tip(job)), 200


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
