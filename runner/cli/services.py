"""Commands about installations and servers: serve, doctor."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from runner.cli.app import app
from runner.cli.experiments import Json
from runner.cli.words import complain, say_json, say_table
from runner.errors import EngineError, InputError

if TYPE_CHECKING:
    from runner.engine.tuning import Tuning
    from runner.server import Store

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
            help="Pictures that an engine may make in one go, of waiting requests that agree but for prompts and seeds.",
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
    from runner.server import Outside, Settings, create_app
    from runner.server.faults import load
    from runner.target import make_engines, serve_forever

    if not (key or no_key or host in LOOPBACK):
        raise InputError(
            f"serve: {host} can be reached from other machines, and there is no key; set SWEEP_KEY, or add --no-key to let "
            "everyone in"
        )
    kept = _checked_store(store)
    _refuse_idle(engine, model_dir=model_dir, models_from=models_from or (), allow_hub=allow_hub)
    if engine == "sketch" and batch > 1:
        raise InputError("serve: --batch is for --engine diffusion, and sketch gains nothing by it; leave it out")
    tuning = _tuning(engine, dtype, channels_last=channels_last, attention_slicing=attention_slicing)
    if cluster:
        idle = {
            "--workers": workers > 1,
            "--batch": batch > 1,
            "--faults": faults,
            "--models-from": models_from,
            "--allow-hub": allow_hub,
        }
        _refuse_beside_cluster([name for name, given in idle.items() if given])
        least, most = _span(replicas)
        _serve_cluster(
            cluster,
            {
                "engine": engine,
                "model_dir": str(model_dir.resolve()) if model_dir else "",
                "device": device,
                **asdict(tuning),
                "least": least,
                "most": most,
                "gpus": gpus,
                "key_variable": KEY_VARIABLE if key else "",
                "store": kept.address if kept else "",
                "allow_private": allow_private,
            },
            key=key,
            host=host,
            port=port,
        )
        return
    if replicas or gpus:
        raise InputError(
            "serve: --replicas and --gpus are for engines on a cluster; add --cluster ADDRESS, or use --workers"
        )
    lies = load(faults) if faults else None
    outside = Outside(allow_private=allow_private)
    if allow_hub:
        os.environ.setdefault("HF_HUB_OFFLINE", "0")  # before what reads it is imported
    growing = model_dir and (models_from or allow_hub)
    try:
        warehouse = Warehouse(model_dir, models_from or (), hub=allow_hub) if model_dir and growing else None
        engines = make_engines(workers, engine, model_dir=model_dir, device=device, tuning=tuning)
        models = list(engines[0].models())
    except EngineError as error:  # before the first request, it is the command line that names what is not there
        raise InputError(str(error)) from error
    settings = Settings(
        key=key,
        preload=models[0],
        batch=batch,
        fetch_image=outside.fetch,
        post_hook=outside.post,
        store=kept,
        warehouse=warehouse,
        faults=lies,
    )
    served = create_app(engines, settings)

    serving = False

    def started(url: str) -> None:
        nonlocal serving
        serving = True
        complain(f"{url} answers until Ctrl-C (models: {', '.join(models)})")
        if faults:
            complain(f"it lies as {faults} says; GET /faults tells what it did, and so does its end")

    try:
        asyncio.run(serve_forever(served, host=host, port=port, started=started))
    finally:
        if lies and serving:
            say_json(served.state.account.said())


def _tuning(engine: str, dtype: str, *, channels_last: bool, attention_slicing: bool) -> "Tuning":
    """Return how diffusion computes. Raises InputError for a dtype that is none, and where nothing is computed."""
    from runner.engine.tuning import Tuning

    try:
        tuning = Tuning(dtype=dtype, channels_last=channels_last, attention_slicing=attention_slicing)
    except EngineError as error:
        raise InputError(f"serve: --{error}") from error
    if engine == "sketch" and tuning != Tuning():
        raise InputError(
            "serve: --dtype, --channels-last and --attention-slicing are for --engine diffusion, and sketch computes "
            "nothing; leave them out"
        )
    return tuning


def _serve_cluster(address: str, settings: Mapping[str, object], *, key: str, host: str, port: int) -> None:
    """Serve from a cluster until Ctrl-C. The key goes to the front by its variable, which a local cluster inherits."""
    from runner.cluster.fleet import fleet

    wanted = fleet(settings)
    try:
        from runner.cluster.head import fleet_running, until_interrupted
    except ModuleNotFoundError as error:
        raise InputError(
            f"serve: --cluster needs Ray, and {error.name} is not installed; install it: pip install 'sweeprunner[cluster]'"
        ) from error
    if key:
        os.environ[KEY_VARIABLE] = key
    try:
        with fleet_running(address, wanted, host=host, port=port) as url:
            said = f"{url} answers until Ctrl-C ({wanted.least} to {wanted.most} engines on Ray, {address})"
            asyncio.run(until_interrupted(lambda: complain(said)))
    except EngineError as error:
        raise InputError(str(error)) from error


def _checked_store(address: str) -> "Store | None":
    """Return a storage that can be written, None where none is asked for. Raises InputError."""
    from runner.server.store import Store, StoreError

    if not address:
        return None
    store = Store(address if "://" in address else str(Path(address).resolve()))
    try:
        asyncio.run(store.check())
    except StoreError as error:
        raise InputError(f"serve: {error}") from error
    return store


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


def _refuse_idle(engine: str, *, model_dir: Path | None, models_from: Sequence[Path], allow_hub: bool) -> None:
    """Refuse options that would do nothing. Raises InputError."""
    if engine == "sketch" and model_dir:
        raise InputError(
            "serve: --model-dir is for --engine diffusion, and sketch reads no model; leave one of them out"
        )
    if (models_from or allow_hub) and not model_dir:
        raise InputError(
            "serve: --models-from and --allow-hub add models to a folder, and none is named; add --model-dir FOLDER"
        )
    for folder in models_from:
        if not folder.is_dir():
            raise InputError(f"serve: --models-from {folder}: no such folder; name one that holds models")


@app.command()
def doctor(
    target: Annotated[str, typer.Option("--target", help="embedded, sketch or a URL to try.")] = "embedded",
    key: Annotated[
        str,
        typer.Option(
            "--key-env",
            metavar="NAME",
            help="Environment variable that holds the target's key; none is sent without it.",
        ),
    ] = "",
    json: Json = False,
) -> None:
    """Check the installation, a target and its key; nothing is generated. Exit 1 if something is wrong."""
    from runner.doctor import examine

    reference = f"${{env:{key}}}" if key else ""
    findings = asyncio.run(examine(target, reference, os.environ))
    if json:
        say_json([{"check": found.check, "ok": found.ok, "found": found.found} for found in findings])
    else:
        say_table("", ("check", "", "found"), [(f.check, "ok" if f.ok else "WRONG", f.found) for f in findings])
    if not all(found.ok for found in findings):
        raise typer.Exit(1)
