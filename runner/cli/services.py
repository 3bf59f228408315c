"""Commands about installations and servers: serve, doctor."""

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer

from runner.cli.app import app
from runner.cli.experiments import Json
from runner.cli.words import complain, say_json, say_table


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
    workers: Annotated[
        int,
        typer.Option("--workers", min=1, max=64, help="Engines, each in a process of its own if there are several."),
    ] = 1,
    key: Annotated[
        str, typer.Option("--key", envvar="SWEEP_KEY", show_envvar=True, help="The key that requests must carry.")
    ] = "",
) -> None:
    """Serve the endpoint over HTTP, for this or another program, until Ctrl-C."""
    from runner.server import Settings, create_app
    from runner.target import make_engines, serve_forever

    engines = make_engines(workers, engine, model_dir=model_dir, device=device)
    models = list(engines[0].models())
    app = create_app(engines, Settings(key=key, preload=models[0]))

    def started(url: str) -> None:
        complain(f"{url} answers until Ctrl-C (models: {', '.join(models)})")

    asyncio.run(serve_forever(app, host=host, port=port, started=started))


@app.command()
def doctor(
    target: Annotated[str, typer.Option("--target", help="embedded, sketch or a URL to try.")] = "embedded",
    key: Annotated[
        str, typer.Option("--key-env", metavar="NAME", help="Environment variable that holds the target's key.")
    ] = "MODELSLAB_API_KEY",
    json: Json = False,
) -> None:
    """Check the installation, a target and its key; nothing is generated. Exit 1 if something is wrong."""
    from runner.doctor import examine

    reference = f"${{env:{key}}}" if "://" in target else ""
    findings = asyncio.run(examine(target, reference, os.environ))
    if json:
        say_json([{"check": found.check, "ok": found.ok, "found": found.found} for found in findings])
    else:
        say_table("", ("check", "", "found"), [(f.check, "ok" if f.ok else "WRONG", f.found) for f in findings])
    if not all(found.ok for found in findings):
        raise typer.Exit(1)
