"""Prompts become a contact sheet for the eye."""

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from diffusers import DDIMScheduler
from PIL import Image, ImageDraw, ImageFont

from runner.studio.captions import full_caption
from runner.studio.networks import build_pipeline
from runner.studio.scenes import BACKDROPS, COLOURS, GROUNDS, HELD_OUT, LIGHTS, SKIES, SUBJECTS, Scene

LINE_HEIGHT = 14
"""Of a line of a label, in pixels."""


def sheet_scenes(count: int, subjects: Sequence[str] = SUBJECTS, *, seed: int = 2024) -> list[Scene]:
    """Return scenes that go round these subjects and the vocabulary evenly; every fourth is a held-out combination."""
    rng = random.Random(seed)
    colours, skies, grounds = tuple(COLOURS), tuple(SKIES), tuple(GROUNDS)
    held_out = sorted(each for each in HELD_OUT if each[0] in subjects)
    rng.shuffle(held_out)
    scenes = []
    for place in range(count):
        subject, colour, sky = (
            subjects[place % len(subjects)],
            colours[(place * 3) % 7],
            skies[(place + place // len(subjects)) % 4],
        )
        if place % 4 == 3:
            subject, colour, sky = held_out[(place // 4) % len(held_out)]
        light, backdrop = LIGHTS[sky][place // 2 % len(LIGHTS[sky])], BACKDROPS[place // 3 % len(BACKDROPS)]
        ground = grounds[place % 3]
        scenes.append(Scene(subject=subject, colour=colour, sky=sky, ground=ground, light=light, backdrop=backdrop))
    return scenes


def make_sheet(
    model: Path, prompts: Sequence[str], *, size: tuple[int, int], guidance_scale: float = 5.0, first_seed: int = 100
) -> Image.Image:
    """Draw prompts as `pictures` does, six in a row, each under its prompt."""
    images = pictures(model, prompts, size=size, guidance_scale=guidance_scale, first_seed=first_seed)
    return arrange(list(images), prompts)


def pictures(
    model: Path, prompts: Sequence[str], *, size: tuple[int, int], guidance_scale: float = 5.0, first_seed: int = 100
) -> Iterator[Image.Image]:
    """Draw prompts one by one with DDIM in 31 steps; picture n has the seed `first_seed` + n."""
    pipeline = painter(model)
    for number, prompt in enumerate(prompts):
        yield paint(pipeline, prompt, size=size, guidance_scale=guidance_scale, seed=first_seed + number)


def painter(model: Path) -> Any:
    """Return the pipeline of a model folder, with DDIM."""
    pipeline = build_pipeline(model)
    pipeline.scheduler = DDIMScheduler.from_config(pipeline.scheduler.config)
    return pipeline


def paint(pipeline: Any, prompt: str, *, size: tuple[int, int], seed: int, guidance_scale: float = 5.0) -> Image.Image:
    """Draw one prompt in 31 steps."""
    drawn: Image.Image = pipeline(
        prompt,
        width=size[0],
        height=size[1],
        num_inference_steps=31,
        guidance_scale=guidance_scale,
        generator=torch.Generator().manual_seed(seed),
    ).images[0]
    return drawn


def arrange(images: Sequence[Image.Image], labels: Sequence[str], *, columns: int = 6) -> Image.Image:
    """Return pictures of one size in rows, each under its label, which takes as many lines as the longest needs."""
    width = images[0].width
    labels = [lines_within(label, width - 6) for label in labels]
    label_height = 2 + LINE_HEIGHT * max(label.count("\n") + 1 for label in labels)
    height = images[0].height + label_height
    rows = -(-len(images) // columns)
    sheet = Image.new("RGB", (width * min(columns, len(images)), height * rows), "white")
    brush = ImageDraw.Draw(sheet)
    for place, (image, label) in enumerate(zip(images, labels, strict=True)):
        x, y = place % columns * width, place // columns * height
        brush.text((x + 3, y + 2), label, fill="black", spacing=LINE_HEIGHT - 10)
        sheet.paste(image, (x, y + label_height))
    return sheet


def lines_within(label: str, width: float) -> str:
    """Return a label broken at its spaces into lines of at most this width in pixels, as Pillow's own font sets them."""
    font = ImageFont.load_default()
    lines: list[str] = []
    for word in label.split():
        if lines and font.getlength(f"{lines[-1]} {word}") <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return "\n".join(lines)


def sheet_prompts(count: int, subjects: Sequence[str] = SUBJECTS) -> list[str]:
    """Return the prompts of a contact sheet of these subjects."""
    return [full_caption(scene, wording=place % 2) for place, scene in enumerate(sheet_scenes(count, subjects))]
