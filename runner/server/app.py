"""Routes, start and stop."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TypeAlias

from starlette.applications import Starlette
from starlette.routing import Route

from runner import wire
from runner.engine import Engine
from runner.nouns import ENDPOINTS
from runner.server.answers import Handler, answered
from runner.server.archive import Archive
from runner.server.faults import Lying, LyingAnswers
from runner.server.hooks import Hooks
from runner.server.house import House
from runner.server.jobs import Desk, Rules
from runner.server.service import Service, Settings, hook_payload
from runner.server.uploads import Uploads

App: TypeAlias = Starlette
"""The server as an ASGI application; `create_app` makes one."""


def create_app(engines: Engine | Sequence[Engine], settings: Settings | None = None) -> App:
    """Return the endpoint over an engine, or several with the same models, that nobody else uses.

    It makes pictures while it runs: in its lifespan, which ASGI servers call, or inside `running(app)`.

    Args:
        engines: make the pictures, one at a time each, or several in one go where the settings allow it.
        settings: the key, patience, the queue's length, memory; with faults, `app.state.account` tells what it lied.
    """
    settings = settings or Settings()
    archive = Archive(settings.store, clock=settings.clock, lifetime=settings.lifetime) if settings.store else None
    desk = Desk(
        engines if isinstance(engines, Sequence) else [engines],
        Rules(
            limit=settings.queue_limit,
            memory=settings.memory,
            lifetime=settings.lifetime,
            preload=settings.preload,
            batch=settings.batch,
        ),
        clock=settings.clock,
        draw_number=settings.draw_number,
        archive=archive,
    )
    lying = Lying(settings.faults, settings.clock) if settings.faults else None
    post = lying.telling(settings.post_hook) if lying else settings.post_hook
    hooks = Hooks(post=post, payload=hook_payload, clock=settings.clock)
    desk.finished = lying.finished(hooks.tell) if lying else hooks.tell
    uploads = Uploads(memory=settings.memory, draw_number=settings.draw_number, store=settings.store)
    service = Service(desk=desk, uploads=uploads, settings=settings)
    house = House(desk=desk, uploads=uploads, settings=settings)
    app = Starlette(routes=_routes(service, house), lifespan=running)
    app.state.desk, app.state.hooks = desk, hooks
    if lying:
        app.state.account = lying.account
        app.add_middleware(LyingAnswers, lying=lying)
    return app


@asynccontextmanager
async def running(app: App) -> AsyncIterator[None]:
    """Let an app of `create_app` make what comes in, until the block ends; what waits then is refused.

    Raises:
        RuntimeError: it runs already.
    """
    desk: Desk = app.state.desk
    hooks: Hooks = app.state.hooks
    async with hooks.running(), desk.running():
        yield


def _routes(service: Service, house: House) -> list[Route]:
    posts: dict[str, Handler] = {
        **{endpoint: service.generate(endpoint) for endpoint in ENDPOINTS},
        **{name: getattr(house, name) for name in wire.HOUSEKEEPING},
        "fetch": service.fetch,
        wire.FIND: service.fetch_by_track_id,
    }
    return [
        *(Route(path, answered(post), methods=["POST"]) for name, post in posts.items() for path in wire.ROUTES[name]),
        Route("/images/{name}.png", answered(service.image)),
        Route("/openapi.json", answered(service.openapi)),
        Route("/", answered(service.hello)),
    ]
