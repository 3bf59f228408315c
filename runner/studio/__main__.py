"""The studio's commands, in the order in which they make a model: `python -m runner.studio --help`."""

import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import torch
import typer

from runner.studio.autoencoder import train_autoencoder
from runner.studio.captions import full_caption
from runner.studio.card import SHEETS
from runner.studio.decoder import TASTES, Fidelity, fidelity, train_decoder
from runner.studio.diffusion import seed_for
from runner.studio.fitting import CropPlan, Keeping
from runner.studio.judge import Judge, JudgePlan, asked_scenes, load_judge, save_judge, train_judge
from runner.studio.latents import LatentSet, draw_scenes, encode_scenes
from runner.studio.launch import launch
from runner.studio.lora import LoraPlan, StylePairs, save_lora, train_lora
from runner.studio.marks import jittered, mark
from runner.studio.networks import (
    NATIVE_SIZE,
    blend_decoders,
    build_autoencoder,
    count_parameters,
    deepen_decoder,
    load_autoencoder,
    load_networks,
    load_vae,
    quiet_libraries,
)
from runner.studio.packing import pack as pack_model
from runner.studio.packing import pack_vae, write_facts
from runner.studio.scenes import draw, random_scene
from runner.studio.sheet import make_sheet, pictures, sheet_prompts
from runner.studio.styles import STYLES
from runner.studio.tokenizer import PromptEncoder, build_tokenizer, load_tokenizer
from runner.studio.training import TrainingPlan

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

Work = Annotated[Path, typer.Option(help="Folder for everything that is not the model: latents, checkpoints, logs.")]
Base = Annotated[Path, typer.Option("--from", help="Folder with the tokenizer, VAE and networks to continue from.")]


@app.command()
def latents(
    work: Work,
    base: Base,
    size: Annotated[str, typer.Option(help="Width x height in pixels.")] = "256x256",
    count: Annotated[int, typer.Option(help="Scenes to draw.")] = 2600,
    seed: Annotated[int, typer.Option(help="Seed of the scenes.")] = 1001,
    validation: Annotated[bool, typer.Option(help="For validation: no mirror images.")] = False,
) -> None:
    """Draw scenes and encode them, with their mirror images, to WORK/latents/train-SIZE-SEED.pt."""
    torch.set_num_threads(1)
    width, height = (int(side) for side in size.split("x"))
    kind = "validation" if validation else "train"
    encoded = encode_scenes(
        load_autoencoder(base),
        draw_scenes(count, seed, random_scene),
        (width, height),
        mirror=not validation,
        progress=lambda done: print(f"{done}/{count}", flush=True) if done % 200 == 0 else None,
    )
    path = work / "latents" / f"{kind}-{size}-{seed}.pt"
    encoded.save(path)
    print(f"{path}: {len(encoded.scenes)} latents, standard deviation {encoded.latents.std():.3f}")


@app.command()
def train(
    work: Work,
    base: Base,
    steps: Annotated[int, typer.Option(help="Optimiser steps in all; may change when a run is continued.")] = 5000,
    workers: Annotated[int, typer.Option(help="Processes of one thread each.")] = 2,
    seed: Annotated[int, typer.Option(help="Seed of the run.")] = 20261123,
    fresh: Annotated[bool, typer.Option(help="Start from untrained networks.")] = False,
    checkpoint_every: Annotated[float, typer.Option(help="Seconds between checkpoints.")] = 300,
) -> None:
    """Train the UNet and the text encoder; run again to continue after Ctrl-C, SIGTERM or a crash."""
    plan = TrainingPlan(steps=steps, workers=workers, seed=seed)
    sys.exit(launch(work, base, plan, checkpoint_every=checkpoint_every, fresh=fresh))


@app.command()
def tokenizer(
    work: Work,
    seed: Annotated[int, typer.Option(help="Seed of the captions it is trained on.")] = 1,
) -> None:
    """Train the tokenizer, to WORK/base/tokenizer."""
    trained = build_tokenizer(seed=seed)
    trained.save_pretrained(work / "base" / "tokenizer")
    print(f"{work / 'base' / 'tokenizer'}: {len(trained)} tokens")


@app.command()
def vae(
    work: Work,
    base: Annotated[Path | None, typer.Option("--from", help="Continue the VAE in this folder.")] = None,
    steps: Annotated[int, typer.Option(help="Optimiser steps.")] = 8000,
    count: Annotated[int, typer.Option(help="Scenes to draw.")] = 900,
    seed: Annotated[int, typer.Option(help="Seed of the run.")] = 20261123,
) -> None:
    """Train the VAE, to WORK/base/vae. Run again to continue."""
    started = load_autoencoder(base) if base else build_autoencoder(seed=seed)
    plan = CropPlan(steps=steps, seed=seed)
    print(f"VAE: {count_parameters(started):,} parameters, {count} drawings, {plan}", flush=True)
    scenes, keeping = draw_scenes(count, seed, random_scene), Keeping(path=work / "base" / "vae.pt")
    trained = train_autoencoder(started, scenes, plan, _say("PSNR in dB", steps), keeping=keeping)
    trained.save_pretrained(work / "base" / "vae")


@app.command()
def decoder(
    work: Work,
    base: Base,
    name: Annotated[str, typer.Option(help="Name of the VAE, as requests send it.")] = "crisp",
    taste: Annotated[str, typer.Option(help=f"One of {', '.join(TASTES)}.")] = "crisp",
    blocks: Annotated[
        str, typer.Option(help="Blocks of its four levels; new ones start as doing nothing.")
    ] = "2,2,2,1",
    steps: Annotated[int, typer.Option(help="Optimiser steps.")] = 4000,
    count: Annotated[int, typer.Option(help="Scenes to draw.")] = 600,
    learning_rate: Annotated[float, typer.Option(help="Highest rate of AdamW.")] = 6e-4,
    seed: Annotated[int, typer.Option(help="Seed of the run.")] = 20261123,
) -> None:
    """Train another decoder for the VAE in --from, to WORK/vaes/NAME; its encoder stays. Run again to continue."""
    torch.set_num_threads(1)
    autoencoder = deepen_decoder(load_autoencoder(base), [int(count) for count in blocks.split(",")])
    unseen = draw_scenes(24, seed_for(seed, "unseen"), random_scene)
    plan = CropPlan(steps=steps, learning_rate=learning_rate, seed=seed)
    print(f"decoder {name}: {count_parameters(autoencoder.decoder):,} parameters, {count} drawings, {plan}", flush=True)
    print(f"before: {_fidelity(fidelity(autoencoder, unseen))}", flush=True)
    started, scenes = time.monotonic(), draw_scenes(count, seed_for(seed, "decoder"), random_scene)
    keeping = Keeping(path=work / "vaes" / f"{name}.pt")
    trained = train_decoder(autoencoder, scenes, plan, _say("loss", steps), taste=TASTES[taste], keeping=keeping)
    trained.save_pretrained(work / "vaes" / name)
    after = fidelity(trained, unseen)
    line = {"vae": name, "taste": taste, "steps": steps, "seed": seed, **asdict(after)}
    _log(work / "fidelity.jsonl", line | {"seconds": round(time.monotonic() - started)})
    print(f"after: {_fidelity(after)}, {time.monotonic() - started:.0f} s")


@app.command()
def blend(
    work: Work,
    one: Annotated[str, typer.Argument(help="Name of a decoder in WORK/vaes.")],
    other: Annotated[str, typer.Argument(help="Name of another, trained on from the same weights.")],
    share: Annotated[float, typer.Option(min=0, max=1, help="How far from the first to the other.")],
    name: Annotated[str, typer.Option(help="Name of what lies between.")],
    count: Annotated[int, typer.Option(help="Drawings to measure it on.")] = 24,
    seed: Annotated[int, typer.Option(help="Seed of those drawings.")] = 20261123,
) -> None:
    """Write the VAE whose decoder lies between two others' to WORK/vaes/NAME, and say how it does."""
    torch.set_num_threads(1)
    blended = blend_decoders(load_vae(work / "vaes" / one), load_vae(work / "vaes" / other), share)
    blended.save_pretrained(work / "vaes" / name)
    measured = fidelity(blended, draw_scenes(count, seed_for(seed, "unseen"), random_scene))
    line = {"vae": name, "between": [one, other], "share": share, "seed": seed, **asdict(measured)}
    _log(work / "fidelity.jsonl", line)
    print(f"{name}: {_fidelity(measured, count)}")


@app.command()
def lora(
    work: Work,
    base: Base,
    style: Annotated[str, typer.Argument(help=f"One of {', '.join(STYLES)}.")],
    steps: Annotated[int, typer.Option(help="Optimiser steps.")] = 400,
    count: Annotated[int, typer.Option(help="Scenes to draw, plain and styled.")] = 240,
    seed: Annotated[int, typer.Option(help="Seed of the run.")] = 20261123,
) -> None:
    """Train a LoRA for a style on the networks in --from, to WORK/loras/STYLE.safetensors."""
    torch.set_num_threads(1)
    plan = LoraPlan(style=style, steps=steps, seed=seed)
    networks, scenes = load_networks(base), draw_scenes(count, seed_for(seed, style), random_scene)
    print(f"LoRA: {plan}, {count} drawings", flush=True)
    pairs = StylePairs.encode(load_autoencoder(base), scenes, style, NATIVE_SIZE)
    started = time.monotonic()
    weights = train_lora(networks, pairs, plan, PromptEncoder(load_tokenizer(base)), _say("eps-mse", steps))
    save_lora(work / "loras" / f"{style}.safetensors", weights)
    size = sum(weight.numel() for weight in weights.values())
    print(f"{style}: {size:,} parameters, {time.monotonic() - started:.0f} s")


@app.command()
def pack(
    work: Work,
    base: Base,
    model: Annotated[Path, typer.Option(help="The model folder to write.")] = Path("models/studio-tiny"),
) -> None:
    """Write the model folder from --from (tokenizer, VAE), WORK/averaged (networks), WORK/loras and WORK/vaes.

    Its training.json has what WORK's logs say, and inside it that of --from, if there is one.
    """
    vaes = sorted(path.parent for path in (work / "vaes").glob("*/config.json"))
    for vae_folder in vaes:
        pack_vae(vae_folder, model)
    loras = sorted((work / "loras").glob("*.safetensors"))
    size = pack_model(base, work / "averaged", loras, model)
    log = _lines(work / "training-log.jsonl")
    networks = load_networks(work / "averaged")
    facts = {
        "native_size": NATIVE_SIZE,
        "parameters": {
            "unet": count_parameters(networks.unet),
            "text_encoder": count_parameters(networks.text_encoder),
            "vae": count_parameters(load_autoencoder(base)),
        },
        "pictures": {path.stem: len(LatentSet.load([path]).scenes) for path in sorted((work / "latents").glob("*.pt"))},
        "loras": [path.stem for path in loras],
        "vaes": [path.name for path in vaes],
        "checkpoints": log,
        "judged": _lines(work / "assessments.jsonl"),
        "fidelity": _lines(work / "fidelity.jsonl"),
    }
    if (base / "training.json").exists():
        facts["continues"] = json.loads((base / "training.json").read_text(encoding="utf-8"))
    write_facts(model, facts)
    print(f"{model}: {size / 1e6:.2f} MB, LoRAs {', '.join(path.stem for path in loras)}")


@app.command()
def sheet(
    out: Annotated[Path, typer.Argument(help="The picture to write, .png or .webp.")],
    model: Annotated[Path, typer.Option(help="The model folder.")] = Path("models/studio-tiny"),
    count: Annotated[int, typer.Option(help="How many prompts.")] = 24,
    size: Annotated[str, typer.Option(help="Width x height in pixels.")] = "256x256",
    guidance_scale: Annotated[float, typer.Option(help="Weight of classifier-free guidance.")] = 5.0,
) -> None:
    """Draw a contact sheet."""
    torch.set_num_threads(1)
    width, height = (int(side) for side in size.split("x"))
    make_sheet(model, sheet_prompts(count), size=(width, height), guidance_scale=guidance_scale).save(out)


@app.command()
def card(
    out: Annotated[Path, typer.Argument(help="The folder to write the pictures to.")] = Path("docs/images"),
    model: Annotated[Path, typer.Option(help="The model folder.")] = Path("models/studio-tiny"),
) -> None:
    """Draw the pictures of the model card: prompts, sizes, LoRAs, VAEs."""
    torch.set_num_threads(1)
    for name, draw_sheet in SHEETS.items():
        draw_sheet(model).save(out / f"{name}.webp", quality=85)
        print(out / f"{name}.webp", flush=True)


@app.command()
def judge(
    work: Work,
    steps: Annotated[int, typer.Option(help="Optimiser steps.")] = 1500,
    count: Annotated[int, typer.Option(help="Scenes to draw.")] = 6000,
    seed: Annotated[int, typer.Option(help="Seed of the run.")] = 20261124,
) -> None:
    """Train the judge on drawings, to WORK/judge.safetensors, and print how it does on 600 that it never saw."""
    torch.set_num_threads(1)
    plan = JudgePlan(steps=steps, seed=seed)
    print(f"judge: {count_parameters(Judge()):,} parameters, {count} drawings, {plan}", flush=True)
    trained = train_judge(draw_scenes(count, seed_for(seed, "scenes"), random_scene), plan, _say("loss", steps))
    save_judge(work / "judge.safetensors", trained)
    for width, height in ((256, 256), (384, 256), (512, 512)):
        scenes = asked_scenes(200, seed_for(seed, "unseen", width, height), plain=False)
        marks = mark(trained, ((draw(jittered(scene), width, height), scene) for scene in scenes))
        print(f"drawings of {width}x{height}: {marks}", flush=True)


@app.command()
def assess(
    work: Work,
    model: Annotated[Path, typer.Option(help="The model folder.")] = Path("models/studio-tiny"),
    size: Annotated[str, typer.Option(help="Width x height in pixels.")] = "256x256",
    count: Annotated[int, typer.Option(help="How many prompts.")] = 200,
    plain: Annotated[bool, typer.Option(help="Ask for what the first edition knew.")] = False,
    seed: Annotated[int, typer.Option(help="Seed of the prompts.")] = 20261124,
) -> None:
    """Let the judge mark what a model draws: DDIM, 31 steps, guidance 5. Adds a line to WORK/assessments.jsonl."""
    torch.set_num_threads(1)
    width, height = (int(side) for side in size.split("x"))
    scenes = asked_scenes(count, seed, plain=plain)
    drawn = pictures(
        model, [full_caption(scene, number % 2) for number, scene in enumerate(scenes)], size=(width, height)
    )
    marks = mark(load_judge(work / "judge.safetensors"), zip(drawn, scenes, strict=True))
    line = {"model": model.name, "size": size, "prompts": count, "plain": plain, "seed": seed, **asdict(marks)}
    _log(work / "assessments.jsonl", line)
    print(f"{model} at {size}, {count} prompts: {marks}")


def _log(path: Path, line: Mapping[str, Any]) -> None:
    with path.open("a", encoding="utf-8") as log:
        log.write(json.dumps(line) + "\n")


def _lines(path: Path) -> list[Any]:
    """Return what a log of JSON lines says; nothing where nothing was logged."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def _fidelity(measured: Fidelity, count: int = 24) -> str:
    return f"{measured.psnr:.2f} dB, {measured.edges:.1%} of the drawings' gradient energy, on {count} unseen drawings"


def _say(what: str, steps: int) -> Callable[[int, float], None]:
    return lambda step, value: print(f"step {step}/{steps}  {what} {value:.4f}", flush=True)


if __name__ == "__main__":
    quiet_libraries()
    app()
