"""A small classifier that says what a picture shows, so that a model is measured by more than the eye.

It is trained on drawings alone, never on generated pictures, and looks at a picture at 64 pixels of its shorter side. So
that soft edges and shifted shapes do not lead it astray, drawings are blurred, moved, brightened and given noise while it
learns; none goes through a VAE.
"""

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional

from runner.studio.diffusion import seed_for
from runner.studio.latents import pixels
from runner.studio.scenes import BACKDROPS, COLOURS, GROUNDS, LIGHTS, SKIES, SUBJECTS, Scene, draw

TRAITS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "subject": SUBJECTS,
        "colour": tuple(COLOURS),
        "sky": tuple(SKIES),
        "ground": tuple(GROUNDS),
        "light": ("none", "sun", "moon"),
        "backdrop": BACKDROPS,
    }
)
"""What the judge names, by the names of a scene's fields."""

SIGHT = 64
"""Pixels of a picture's shorter side as the judge sees it."""

SHAPES = ((SIGHT, SIGHT), (SIGHT * 3 // 2, SIGHT), (SIGHT, SIGHT * 3 // 2))
"""Widths and heights that it learns, in turn."""

Verdict = Mapping[str, str]
"""What a picture shows: a value for each of `TRAITS`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgePlan:
    """What the judge's training does, fixed before it starts."""

    steps: int = 1500
    pictures_a_step: int = 48
    learning_rate: float = 2e-3
    seed: int = 20261124

    def rate(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0: a straight fall."""
        return self.learning_rate * (1 - step / self.steps)


class Judge(nn.Module):
    """Four convolutions, a 4 x 4 grid of what they found, and one linear layer that names every trait."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after, stride in ((3, 24, 1), (24, 32, 2), (32, 48, 2), (48, 64, 2)):
            layers += [nn.Conv2d(before, after, 3, stride=stride, padding=1), nn.GroupNorm(8, after), nn.SiLU()]
        self.eyes = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Dropout(0.1))
        self.mouth = nn.Linear(64 * 16, sum(map(len, TRAITS.values())))

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return the logits of each trait for images from -1 to 1."""
        parts: tuple[torch.Tensor, ...] = self.mouth(self.eyes(images)).split(
            [len(each) for each in TRAITS.values()], 1
        )
        return parts

    def verdict(self, image: Image.Image) -> Verdict:
        """Say what a picture of any size shows."""
        with torch.no_grad():
            logits = self.eval()(pixels([seen(image)]))
        chosen = (each.argmax(1).item() for each in logits)
        return {trait: values[int(place)] for (trait, values), place in zip(TRAITS.items(), chosen, strict=True)}


def seen(image: Image.Image) -> Image.Image:
    """Return a picture as the judge sees it, its shorter side `SIGHT` pixels."""
    factor = SIGHT / min(image.size)
    size = (round(image.width * factor), round(image.height * factor))
    return image.convert("RGB").resize(size, Image.Resampling.BOX)


def train_judge(scenes: Sequence[Scene], plan: JudgePlan, report: Callable[[int, float], None]) -> Judge:
    """Train a judge on drawings of scenes; `report` is told the step and the mean loss since the last time."""
    torch.manual_seed(plan.seed)
    judge = Judge().train()
    drawings = [
        pixels([seen(draw(scene, 2 * width, 2 * height)) for scene in scenes[turn :: len(SHAPES)]])
        for turn, (width, height) in enumerate(SHAPES)
    ]
    truths = [_truth(scenes[turn :: len(SHAPES)]) for turn in range(len(SHAPES))]
    optimizer = torch.optim.AdamW(judge.parameters(), lr=plan.learning_rate, weight_decay=1e-2)
    losses: list[float] = []
    for step in range(plan.steps):
        for group in optimizer.param_groups:
            group["lr"] = plan.rate(step)
        generator = torch.Generator().manual_seed(seed_for(plan.seed, "judge", step))
        shape = step % len(SHAPES)
        chosen = torch.randint(len(drawings[shape]), (plan.pictures_a_step,), generator=generator)
        logits = judge(_worn(drawings[shape][chosen], generator))
        loss = torch.stack(
            [functional.cross_entropy(each, truths[shape][chosen, place]) for place, each in enumerate(logits)]
        ).sum()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if (step + 1) % 100 == 0 or step + 1 == plan.steps:
            report(step + 1, sum(losses) / len(losses))
            losses.clear()
    return judge.eval()


def right(judge: Judge, pictures: Iterable[tuple[Image.Image, Scene]]) -> dict[str, float]:
    """Return for each trait the share of pictures in which the judge sees what their scene says."""
    agreed = dict.fromkeys(TRAITS, 0)
    count = 0
    for image, scene in pictures:
        verdict = judge.verdict(image)
        count += 1
        for trait in TRAITS:
            agreed[trait] += verdict[trait] == getattr(scene, trait)
    return {trait: hits / count for trait, hits in agreed.items()}


def asked_scenes(count: int, seed: int, *, plain: bool) -> list[Scene]:
    """Return scenes to ask a model for: every subject as often, any combination, the held-out ones too.

    Args:
        count: how many.
        seed: of the draws.
        plain: the first edition's vocabulary: eight subjects, without lights and backdrops.
    """
    rng = random.Random(seed)
    subjects = SUBJECTS[:8] if plain else SUBJECTS
    return [_asked(subjects[place % len(subjects)], rng, plain=plain) for place in range(count)]


def save_judge(path: Path, judge: Judge) -> None:
    """Write a judge's weights."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(judge.state_dict(), path)


def load_judge(path: Path) -> Judge:
    """Read a judge's weights.

    Raises:
        FileNotFoundError: there is no such file.
    """
    judge = Judge()
    judge.load_state_dict(load_file(path))
    return judge.eval()


def _asked(subject: str, rng: random.Random, *, plain: bool) -> Scene:
    sky = rng.choice(tuple(SKIES))
    return Scene(
        subject=subject,
        colour=rng.choice(tuple(COLOURS)),
        sky=sky,
        ground=rng.choice(tuple(GROUNDS)),
        light="none" if plain else rng.choice(LIGHTS[sky]),
        backdrop="none" if plain else rng.choice(BACKDROPS),
        detail_seed=rng.randrange(1 << 30),
    )


def _truth(scenes: Sequence[Scene]) -> torch.Tensor:
    """Return each trait's place among its values, of shape (scenes, traits)."""
    rows = [[values.index(getattr(scene, trait)) for trait, values in TRAITS.items()] for scene in scenes]
    return torch.tensor(rows)


def _worn(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Return images moved by up to 4 pixels, half of them mirrored, blurred by a share, with other gains and some noise."""
    left, top = (int(torch.randint(9, (1,), generator=generator)) for _ in range(2))
    moved = functional.pad(images, (4, 4, 4, 4), mode="replicate")
    moved = moved[..., top : top + images.shape[2], left : left + images.shape[3]]
    mirrored = torch.rand(len(images), 1, 1, 1, generator=generator) < 0.5
    moved = torch.where(mirrored, moved.flip(3), moved)
    soft = functional.avg_pool2d(moved, 3, stride=1, padding=1, count_include_pad=False)
    soft = torch.lerp(moved, soft, torch.rand(len(images), 1, 1, 1, generator=generator))
    gain = 1 + 0.12 * (torch.rand(len(images), 3, 1, 1, generator=generator) - 0.5)
    return (soft * gain + 0.04 * torch.randn(images.shape, generator=generator)).clamp(-1, 1)
