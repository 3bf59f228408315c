"""A Fleet becomes an application of Ray Serve: a front with the server's ASGI app, and replicas with engines."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ray import serve
from ray.serve.handle import DeploymentHandle

from runner.cluster.engines import Era, Recipe, RemoteEngine, replica_class
from runner.cluster.fleet import Fleet, fleet
from runner.errors import EngineError, InputError
from runner.server import App, Outside, Settings, create_app
from runner.server.store import writable
from runner.target import recipe_of

FRONT, REPLICAS = "front", "engine"
"""Names of the two deployments."""

MOST_CONNECTIONS = 10_000
"""Requests that the front answers at once: most wait for a picture and need no more than memory."""

PATIENCE = 30.0
"""Seconds of steady work, or of none, after which Ray adds or takes away a replica."""


def application(args: Mapping[str, Any]) -> serve.Application:
    """Return what `serve deploy` runs by `import_path: runner.cluster.application:application` with these `args`.

    Raises:
        InputError: a setting is wrong.
        EngineError: there is no model, or the engine's packages are not installed.
    """
    return deployed(fleet(args))


def deployed(wanted: Fleet) -> serve.Application:
    """Return a fleet as an application of Ray Serve. Raises as `application` does."""
    recipe = recipe_of(
        wanted.engine,
        model_dir=Path(wanted.model_dir) if wanted.model_dir else None,
        device=wanted.device,
        tuning=wanted.tuning,
    )
    _check(recipe)
    replicas = serve.deployment(
        name=REPLICAS,
        max_ongoing_requests=1,
        autoscaling_config={
            "min_replicas": wanted.least,
            "max_replicas": wanted.most,
            "target_ongoing_requests": 1,
            "upscale_delay_s": PATIENCE,
            "downscale_delay_s": 10 * PATIENCE,
        },
        ray_actor_options={"num_cpus": wanted.cpus, "num_gpus": wanted.gpus},
        health_check_period_s=10,
        graceful_shutdown_timeout_s=5,
    )(replica_class(recipe, wanted.models))
    front = serve.deployment(name=FRONT, max_ongoing_requests=MOST_CONNECTIONS, ray_actor_options={"num_cpus": 0})(
        Front
    )
    bound: serve.Application = front.bind(wanted, recipe, replicas.bind())
    return bound


@serve.ingress()
class Front:
    """The server's app in one process, its engines elsewhere."""

    def __init__(self, wanted: Fleet, recipe: Recipe, replicas: "DeploymentHandle[Any]") -> None:
        self._wanted = wanted
        self._recipe = recipe
        self._replicas = replicas

    def __serve_build_asgi_app__(self) -> App:
        """Return the app that answers; Ray calls this where the front runs."""
        wanted, era = self._wanted, Era()
        engines = [RemoteEngine(self._recipe, self._replicas, era) for _ in range(wanted.most)]
        outside = Outside(allow_private=wanted.allow_private)
        return create_app(
            engines,
            Settings(
                key=_key(wanted.key_variable),
                queue_limit=wanted.queue_limit,
                batch=wanted.batch,
                fetch_image=outside.fetch,
                post_hook=outside.post,
                store=writable(wanted.store),
            ),
        )


def _key(variable: str) -> str:
    """Return the key that a variable of this process holds. Raises InputError where it holds none."""
    if variable and not os.environ.get(variable):
        raise InputError(
            f"cluster: the variable {variable} is not set where the front runs, and it holds the key; set it for the "
            "cluster's processes (before `ray start`), or leave key_variable out to let everyone in"
        )
    return os.environ[variable] if variable else ""


def _check(recipe: Recipe) -> None:
    """Say before anything starts that there is no model. Raises EngineError."""
    if not recipe().models():
        raise EngineError("cluster: there is no model; name a diffusers folder, or a folder of them, with model_dir")
