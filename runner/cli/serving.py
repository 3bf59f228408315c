"""The command `serve`: which options go together, and a server on this machine or a cluster."""

import asyncio
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from runner.cli.app import app
from runner.cli.words import complain, say_json
from runner.errors import EngineError, InputError

if TYPE_CHECKING:
    from runner.engine import Engine
    from runner.engine.tuning import Tuning
    from runner.server import Settings, Store

KEY_VARIABLE = "SWEEP_KEY"
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@app.command()
def serve(
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port; 0 takes a free one.")] = 8765,
    engine: Annotated[str, typer.Option("--engine", help="diffusion or sketch.")] = "diffusion",
    model_dir: Annotated[
        Path | None,
        typer.Option("--model-dir", help="A diffusers folder, or a folder of them."),
    ] = None,
    device: Annotated[str, typer.Option("--device", help="Where diffusion computes: cpu, cuda, mps.")] = "cpu",
    dtype: Annotated[
        str,
        typer.Option(
            "--dtype", help="float32, float16 or bfloat16; float16 on cuda and float32 elsewhere if not said."
        ),
    ] = "",
    channels_last: Annotated[
        bool,
        typer.Option("--channels-last", help="Keep a pixel's channels together: faster convolutions on most GPUs."),
    ] = False,
    attention_slicing: Annotated[
        bool, typer.Option("--attention-slicing", help="Less memory, slower: for a device whose memory runs out.")
    ] = False,
    workers: Annotated[
        int,
        typer.Option("--workers", min=1, max=64, help="Engines, each in a process of its own if there are several."),
    ] = 1,
    batch: Annotated[
        int,
        typer.Option(
            "--batch",
            min=1,
            max=64,
            help="Pictures that an engine may make in one go, of requests that wait and agree but in prompt, seed, guidance.",
        ),
    ] = 1,
    key: Annotated[
        str,
        typer.Option(
            "--key",
            envvar=KEY_VARIABLE,
            show_envvar=True,
            help="The key that requests must carry. Other users of this machine see a command line: prefer the variable.",
        ),
    ] = "",
    no_key: Annotated[
        bool, typer.Option("--no-key", help="Let everyone in who reaches an address that is not this machine's alone.")
    ] = False,
    allow_private: Annotated[
        bool, typer.Option("--allow-private", help="Follow links and call webhooks in this machine's own network too.")
    ] = False,
    models_from: Annotated[
        list[Path] | None,
        typer.Option("--models-from", metavar="DIR", help="A folder below which load_model may take models from."),
    ] = None,
    allow_hub: Annotated[
        bool, typer.Option("--allow-hub", help="Let load_model download organisation/name from the model hub.")
    ] = False,
    store: Annotated[
        str,
        typer.Option(
            "--store",
            metavar="DIR or URL",
            help="Keep what was made in a folder, or in object storage (s3://bucket/folder): the next server finds it.",
        ),
    ] = "",
    faults: Annotated[
        Path | None,
        typer.Option("--faults", metavar="FILE", help="Lie to clients as a YAML file says, to test them."),
    ] = None,
    cluster: Annotated[
        str,
        typer.Option(
            "--cluster",
            metavar="ADDRESS",
            help="Put the engines on a Ray cluster: its address, auto for the one of this machine, local to start one.",
        ),
    ] = "",
    replicas: Annotated[
        str, typer.Option("--replicas", metavar="N or N-M", help="With --cluster: engines; N-M follows the queue.")
    ] = "",
    gpus: Annotated[
        float, typer.Option("--gpus", min=0.0, help="With --cluster: GPUs of each engine; 0.5 has two share one.")
    ] = 0.0,
) -> None:
    """Serve the endpoint over HTTP, for this or another program, until Ctrl-C."""
    from runner.engine.warehouse import Warehouse
    from runner.server import Outside, Settings
    from runner.server.faults import load
    from runner.target import make_engines

    if not (key or no_key or host in LOOPBACK):
        raise InputError(
            f"serve: {host} can be reached from other machines, and there is no key; set SWEEP_KEY, or add --no-key to let "
            "everyone in"
        )
    _refuse_idle(engine, model_dir=model_dir, models_from=models_from or (), allow_hub=allow_hub, batch=batch)
    tuning = _tuning(engine, dtype, channels_last=channels_last, attention_slicing=attention_slicing)
    if cluster:
        idle = {
            "--workers": workers > 1,
            "--faults": faults,
            "--models-from": models_from,
            "--allow-hub": allow_hub,
        }
        _refuse_beside_cluster([name for name, given in idle.items() if given])
        least, most = _span(replicas)
        wanted = {
            "engine": engine,
            "model_dir": str(model_dir.resolve()) if model_dir else "",
            "device": device,
            **asdict(tuning),
            "least": least,
            "most": most,
            "gpus": gpus,
            "batch": batch,
            "key_variable": KEY_VARIABLE if key else "",
            "store": _absolute(store),
            "allow_private": allow_private,
        }
        _serve_cluster(cluster, wanted, key=key, host=host, port=port)
        return
    if replicas or gpus:
        raise InputError(
            "serve: --replicas and --gpus are for engines on a cluster; add --cluster ADDRESS, or use --workers"
        )
    lies = load(faults) if faults else None
    kept = _checked_store(store)
    outside = Outside(allow_private=allow_private)
    if allow_hub:
        os.environ.setdefault("HF_HUB_OFFLINE", "0")  # before what reads it is imported
    growing = model_dir and (models_from or allow_hub)
    with _named_by_the_command_line():
        warehouse = Warehouse(model_dir, models_from or (), hub=allow_hub) if model_dir and growing else None
        engines = make_engines(workers, engine, model_dir=model_dir, device=device, tuning=tuning)
        preload = next(iter(engines[0].models()))
    settings = Settings(
        key=key,
        preload=preload,
        batch=batch,
        fetch_image=outside.fetch,
        post_hook=outside.post,
        store=kept,
        warehouse=warehouse,
        faults=lies,
    )
    _serve_here(engines, settings, host=host, port=port, lying=f"it lies as {faults} says" if faults else "")


@contextmanager
def _named_by_the_command_line() -> Iterator[None]:
    """Before the first request it is the command line that names what is not there. Raises InputError."""
    try:
        yield
    except EngineError as error:
        raise InputError(str(error)) from error


def _serve_here(engines: "Sequence[Engine]", settings: "Settings", *, host: str, port: int, lying: str) -> None:
    """Serve from this machine until Ctrl-C; `lying` says after what, and at the end the account of it is said."""
    from runner.server import create_app
    from runner.target import serve_forever

    served = create_app(engines, settings)
    models = ", ".join(engines[0].models())
    serving = False

    def started(url: str) -> None:
        nonlocal serving
        serving = True
        complain(f"{url} answers until Ctrl-C (models: {models})")
        if lying:
            complain(f"{lying}; GET /faults tells what it did, and so does its end")

    try:
        asyncio.run(serve_forever(served, host=host, port=port, started=started))
    finally:
        if lying and serving:
            say_json(served.state.account.said())


def _tuning(engine: str, dtype: str, *, channels_last: bool, attention_slicing: bool) -> "Tuning":
    """Return how diffusion computes. Raises InputError for a dtype that is none, and where nothing is computed."""
    from runner.engine.tuning import PLAIN, Tuning

    try:
        tuning = Tuning(dtype=dtype, channels_last=channels_last, attention_slicing=attention_slicing)
    except EngineError as error:
        raise InputError(f"serve: --{error}") from error
    if engine == "sketch" and tuning != PLAIN:
        raise InputError(
            "serve: --dtype, --channels-last and --attention-slicing are for --engine diffusion, and sketch computes "
            "nothing; leave them out"
        )
    return tuning


def _serve_cluster(address: str, settings: Mapping[str, object], *, key: str, host: str, port: int) -> None:
    """Serve from a cluster until Ctrl-C. The key goes to the front by its variable, which a local cluster inherits."""
    from runner.cluster.fleet import LOCAL, fleet

    wanted = fleet(settings)
    if address == LOCAL:  # any other has its front elsewhere, which looks for itself
        _checked_store(wanted.store)
    try:
        from runner.cluster.head import fleet_running, until_interrupted
    except ModuleNotFoundError as error:
        raise InputError(
            f"serve: --cluster needs Ray, and {error.name} is not installed; install it: pip install 'sweeprunner[cluster]'"
        ) from error
    if key:
        os.environ[KEY_VARIABLE] = key
    with _named_by_the_command_line(), fleet_running(address, wanted, host=host, port=port) as url:
        said = f"{url} answers until Ctrl-C ({wanted.least} to {wanted.most} engines on Ray, {address})"
        asyncio.run(until_interrupted(lambda: complain(said)))


def _checked_store(address: str) -> "Store | None":
    """Return a storage that can be written, None where none is asked for. Raises InputError."""
    from runner.server.store import StoreError, writable

    try:
        return writable(_absolute(address))
    except StoreError as error:
        raise InputError(f"serve: {error}") from error


def _absolute(address: str) -> str:
    """Return the address of a storage; a folder's from the root on."""
    return str(Path(address).resolve()) if address and "://" not in address else address


def _span(replicas: str) -> tuple[int, int]:
    """Return how many engines a cluster has, at least and at most. Raises InputError."""
    least, _, most = (replicas or "1").partition("-")
    if not (least.isdecimal() and (most or least).isdecimal()):
        raise InputError(f"serve: --replicas {replicas}: a number, or two with a dash between, as in 1-4")
    return int(least), int(most or least)


def _refuse_beside_cluster(idle: Sequence[str]) -> None:
    """Refuse options that do nothing on a cluster. Raises InputError."""
    if idle:
        raise InputError(f"serve: {', '.join(idle)} is for a server on this machine; leave it or --cluster out")


def _refuse_idle(
    engine: str, *, model_dir: Path | None, models_from: Sequence[Path], allow_hub: bool, batch: int
) -> None:
    """Refuse options that would do nothing. Raises InputError."""
    if engine == "sketch" and model_dir:
        raise InputError(
            "serve: --model-dir is for --engine diffusion, and sketch reads no model; leave one of them out"
        )
    if engine == "sketch" and batch > 1:
        raise InputError("serve: --batch is for --engine diffusion, and sketch gains nothing by it; leave it out")
    if (models_from or allow_hub) and not model_dir:
        raise InputError(
            "serve: --models-from and --allow-hub add models to a folder, and none is named; add --model-dir FOLDER"
        )
    for folder in models_from:
        if not folder.is_dir():
            raise InputError(f"serve: --models-from {folder}: no such folder; name one that holds models")
