"""The routes that keep house: what is here, what waits, what is kept, which models there are.

Each is a POST with the key in its body, as the routes that make pictures are, and answers `success` with a message or
with what was asked for.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from runner import wire
from runner.engine.pictures import encode_png, opened
from runner.engine.warehouse import Warehouse
from runner.errors import EngineError
from runner.schema import endpoint_schema
from runner.server.answers import bad_request, spoken
from runner.server.jobs import Desk
from runner.server.reading import read_body
from runner.server.service import Settings
from runner.server.uploads import Uploads


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """Answers housekeeping; each public method is the route of its name."""

    desk: Desk
    uploads: Uploads
    settings: Settings

    async def schedulers_list(self, http: Request) -> Response:
        """Answer with the names of the schedulers."""
        await self._body(http)
        return _done(schedulers=list(endpoint_schema("text2img").properties["scheduler"]["enum"]))

    async def get_all_models(self, http: Request) -> Response:
        """Answer with the models and the digests of their files."""
        await self._body(http)
        return _done(models=[{"model_id": name, "digest": digest} for name, digest in (await self._models()).items()])

    async def verify_model(self, http: Request) -> Response:
        """Answer whether a model is there."""
        model_id = _text(await self._body(http), "model_id")
        await self._known(model_id)
        return _done(message="the model is ready", model_id=model_id)

    async def system_details(self, http: Request) -> Response:
        """Answer what serves here, and how busy it is."""
        await self._body(http)
        return _done(
            engine=self.desk.engine.name,
            models=list(await self._models()),
            workers=len(self.desk.engines),
            busy=self.desk.busy,
            waiting=self.desk.waiting,
            queue_limit=self.settings.queue_limit,
        )

    async def clear_queue(self, http: Request) -> Response:
        """Refuse what waits; what is being made is finished."""
        await self._body(http)
        return _done(message=f"refused: {_counted(self.desk.clear(), 'waiting request')}")

    async def clear_cache(self, http: Request) -> Response:
        """Forget finished requests, their pictures, and uploads."""
        await self._body(http)
        forgotten = await self.desk.forget_kept(), await self.uploads.clear()
        return _done(message=f"forgotten: {_counted(forgotten[0], 'request')} and {_counted(forgotten[1], 'upload')}")

    async def restart_server(self, http: Request) -> Response:
        """Have every engine give its memory back and load its model anew; what waits keeps its place."""
        await self._body(http)
        await self.desk.unload()
        return _done(message=f"{_counted(len(self.desk.engines), 'engine')} restarted; what waits keeps its place")

    async def load_model(self, http: Request) -> Response:
        """Add a model from a folder, or, without `url`, only bring a known one into memory."""
        body = await self._body(http)
        model_id, source = _text(body, "model_id"), _source(body, "model_url")
        if source:
            await asyncio.to_thread(self._warehouse().add, model_id, source)
        await self._known(model_id)
        await self.desk.load(model_id)
        return _done(message="the model is ready", model_id=model_id)

    async def load_vae(self, http: Request) -> Response:
        """Add a VAE from a folder, for every model."""
        body = await self._body(http)
        vae_id, source = _text(body, "vae_id"), _source(body, "vae_url")
        kind = body.get("vae_type") or "diffusers"
        if kind != "diffusers":
            raise bad_request(
                f"vae_type: {str(kind)[:40]!r} is not taken; convert the VAE to a folder of type diffusers"
            )
        if not source:
            raise bad_request("url is required")
        await asyncio.to_thread(self._warehouse().add_vae, vae_id, source)
        return _done(message="the VAE is ready", vae_id=vae_id)

    async def delete_model(self, http: Request) -> Response:
        """Take a model out of the server's folder and out of memory."""
        model_id = _text(await self._body(http), "model_id")
        await self._known(model_id)
        if len(await self._models()) == 1:
            raise bad_request(
                f"model_id: {model_id!r} is the last model here, and a server needs one; load another first"
            )
        await asyncio.to_thread(self._warehouse().remove, model_id)
        await self.desk.unload()
        return _done(message="the model is gone", model_id=model_id)

    async def upload_image(self, http: Request) -> Response:
        """Keep a picture, and answer with a link that `init_image` and `mask_image` take."""
        text = _text(await self._body(http), "base64_image")
        try:
            picture = await asyncio.to_thread(_png, wire.decode_image(text))
        except ValueError as error:
            raise bad_request(f"base64_image: not base64 text ({error}); send the file's bytes as base64") from error
        number = await self.uploads.keep(picture)
        link = f"{str(http.base_url).rstrip('/')}/images/{number}-0.png"
        return _done(message="the image is kept until the memory is needed", link=link, output=[link])

    async def _body(self, http: Request) -> dict[str, object]:
        return await read_body(http, key=self.settings.key)

    async def _models(self) -> Mapping[str, str]:
        return await asyncio.to_thread(self.desk.engine.models)

    async def _known(self, model_id: str) -> None:
        models = await self._models()
        if model_id not in models:
            there = ", ".join(sorted(models))
            raise bad_request(
                f"model_id: {model_id[:80]!r} is not a model of this server; there are {there}: send one of these"
            )

    def _warehouse(self) -> Warehouse:
        if self.settings.warehouse is None:
            raise EngineError(
                "this server's models are fixed; to add and remove models, start it with --model-dir FOLDER, a folder of "
                "models, and --models-from DIR, where they may come from"
            )
        return self.settings.warehouse


def _done(**said: object) -> Response:
    return spoken({"status": "success", **said})


def _text(body: Mapping[str, object], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise bad_request(f"{name} is required")
    return value


def _source(body: Mapping[str, object], alias: str) -> str:
    """Return what `url`, or its longer name, says; empty when neither is there."""
    value = body.get("url") or body.get(alias) or ""
    if not isinstance(value, str):
        raise bad_request("url must be a text: the path of a folder")
    return value


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _png(data: bytes) -> bytes:
    picture = opened(data, "base64_image")
    return encode_png(picture.convert("RGBA" if picture.has_transparency_data else "RGB"))
