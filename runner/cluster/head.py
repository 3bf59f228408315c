"""Start a fleet on a cluster, say where it answers, and take it down."""

import asyncio
import logging
import os
import re
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # before Ray is imported: nothing is told to anyone

import ray
from ray import serve
from ray.serve.schema import LoggingConfig

from runner.cluster.application import deployed
from runner.cluster.fleet import LOCAL, Fleet
from runner.errors import TargetError

NAME = "sweep"
"""Name of the application on the cluster."""


@contextmanager
def fleet_running(address: str, wanted: Fleet, *, host: str, port: int) -> Iterator[str]:
    """Run a fleet for the length of a `with` block, and yield where it answers.

    Args:
        address: of a Ray cluster that runs, such as `auto` or `ray://head:10001`; `local` starts one here.
        wanted: what to run.
        host: to listen on, on each machine of the cluster that takes requests.
        port: 0 takes one that is free here.

    Raises:
        TargetError: there is no cluster at that address, or it cannot run the fleet.
        InputError, EngineError: the fleet cannot run anywhere.
    """
    application = deployed(wanted)
    logging.getLogger("ray.serve").setLevel(logging.WARNING)
    _connect(address, wanted)
    try:
        listening = port or _free(host)
        quiet = LoggingConfig(log_level="WARNING", enable_access_log=False)
        serve.start(http_options={"host": host, "port": listening}, logging_config=quiet)
        try:
            serve.run(application, name=NAME, route_prefix="/", logging_config=quiet)
        except RuntimeError as error:
            raise TargetError(f"cluster: {address} does not run it: {_reason() or error}") from error
        yield f"http://{host}:{listening}"
        serve.delete(NAME)
        if address == LOCAL:
            serve.shutdown()  # type: ignore[no-untyped-call]  # Ray has no types for it
    finally:
        ray.shutdown()


def _reason() -> str:
    """Return why the first part of the application that failed did, in its own words; empty where none is known.

    What `serve.run` raises names the part alone; the end of its traceback stands in its status.
    """
    application = serve.status().applications.get(NAME)
    parts = application.deployments.values() if application else ()
    said = [part.message.strip() for part in parts if part.status == "DEPLOY_FAILED"]
    last = next((message.splitlines()[-1] for message in said if message), "")
    return re.sub(r"^runner\.[\w.]+: ", "", last)


def _connect(address: str, wanted: Fleet) -> None:
    """Connect to a cluster, or start one. Raises TargetError."""
    try:
        if address == LOCAL:
            cpus = max(os.cpu_count() or 1, round(wanted.cpus * wanted.most + 0.5))
            ray.init("local", num_cpus=cpus, include_dashboard=False, logging_level=logging.ERROR)
        else:
            ray.init(address, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, ValueError) as error:
        said = str(error).splitlines()[0]
        raise TargetError(
            f"cluster: nothing at {address}: {said}; give the address of a Ray cluster that runs, auto for the one of "
            "this machine, or local to start one"
        ) from error


def _free(host: str) -> int:
    with socket.create_server((host, 0)) as listening:
        return int(listening.getsockname()[1])


async def until_interrupted(started: Callable[[], None]) -> None:
    """Say that it runs, and wait for SIGINT or SIGTERM."""
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    if sys.platform != "win32":
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, over.set)
    started()
    await over.wait()
