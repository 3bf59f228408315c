"""A small classifier that says what a picture shows, so that a model is measured by more than the eye.

It names what it sees, and outlines the subject. It is trained on drawings alone, never on generated pictures, and looks
at a picture at 64 pixels of its shorter side. So that soft edges and shifted shapes do not lead it astray, drawings are
blurred, moved, brightened and given noise while it learns; none goes through a VAE.
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
from runner.studio.scenes import BACKDROPS, COLOURS, GROUNDS, LIGHTS, SKIES, SUBJECTS, Scene, draw, silhouette

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

CELL = 2
"""Pixels of what the judge sees to a cell of an outline, each way."""

FEATURES = 64 * 16

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What the judge sees in pictures.

    Attributes:
        traits: for each of `TRAITS`, logits of shape (pictures, values).
        features: what the convolutions found where, shape (pictures, `FEATURES`).
        outline: logits of whether the subject is there, shape (pictures, 1, height / `CELL`, width / `CELL`).
    """

    traits: tuple[torch.Tensor, ...]
    features: torch.Tensor
    outline: torch.Tensor


class Judge(nn.Module):
    """Four convolutions; one linear layer over a 4 x 4 grid of what they found, and two convolutions back to an outline."""

    def __init__(self) -> None:
        super().__init__()
        self.eyes = nn.ModuleList([_stage(3, 24), _stage(24, 32, 2), _stage(32, 48, 2), _stage(48, 64, 2)])
        self.grid = nn.Sequential(nn.AdaptiveAvgPool2d(4), nn.Flatten())
        self.mouth = nn.Sequential(nn.Dropout(0.1), nn.Linear(FEATURES, sum(map(len, TRAITS.values()))))
        self.hand = nn.ModuleList([_stage(64 + 48, 32), _stage(32 + 32, 16)])
        self.pen = nn.Conv2d(16, 1, 1)

    def forward(self, images: torch.Tensor) -> Sight:
        """Look at images from -1 to 1, as `seen` gives them."""
        found = [images]
        for stage in self.eyes:
            found.append(stage(found[-1]))
        features = self.grid(found[-1])
        back = found[-1]
        for stage, beside in zip(self.hand, (found[3], found[2]), strict=True):
            back = stage(torch.cat([functional.interpolate(back, beside.shape[2:]), beside], 1))
        sizes = [len(each) for each in TRAITS.values()]
        return Sight(traits=self.mouth(features).split(sizes, 1), features=features, outline=self.pen(back))

    def look(self, image: Image.Image) -> Sight:
        """Look at one picture of any size."""
        with torch.no_grad():
            sight: Sight = self.eval()(pixels([seen(image)]))
        return sight

    def verdict(self, image: Image.Image) -> Verdict:
        """Say what a picture of any size shows."""
        return verdict_of(self.look(image))


def verdict_of(sight: Sight) -> Verdict:
    """Return the likeliest value of each trait of one picture."""
    chosen = (each.argmax(1).item() for each in sight.traits)
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
    lessons = [Lesson.draw(scenes[turn :: len(SHAPES)], shape) for turn, shape in enumerate(SHAPES)]
    optimizer = torch.optim.AdamW(judge.parameters(), lr=plan.learning_rate, weight_decay=1e-2)
    losses: list[float] = []
    for step in range(plan.steps):
        for group in optimizer.param_groups:
            group["lr"] = plan.rate(step)
        generator = torch.Generator().manual_seed(seed_for(plan.seed, "judge", step))
        loss = lessons[step % len(SHAPES)].loss(judge, plan.pictures_a_step, generator)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if (step + 1) % 100 == 0 or step + 1 == plan.steps:
            report(step + 1, sum(losses) / len(losses))
            losses.clear()
    return judge.eval()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """Drawings of one shape, and what is true of them.

    Attributes:
        drawings: as the judge sees them, with the silhouette as a fourth channel from 0 to 1; shape (scenes, 4, height, width).
        truths: each trait's place among its values, of shape (scenes, traits).
    """

    drawings: torch.Tensor
    truths: torch.Tensor

    @classmethod
    def draw(cls, scenes: Sequence[Scene], shape: tuple[int, int]) -> "Lesson":
        """Draw scenes at a shape (width, height)."""
        images = pixels([seen(draw(scene, 2 * shape[0], 2 * shape[1])) for scene in scenes])
        outlines = torch.stack([outline_of(scene, shape) for scene in scenes])
        rows = [[values.index(getattr(scene, trait)) for trait, values in TRAITS.items()] for scene in scenes]
        return cls(drawings=torch.cat([images, outlines], 1), truths=torch.tensor(rows))

    def loss(self, judge: Judge, count: int, generator: torch.Generator) -> torch.Tensor:
        """Show some of the drawings, worn, to a judge; return how wrong it is about traits and outlines."""
        chosen = torch.randint(len(self.drawings), (count,), generator=generator)
        moved = _moved(self.drawings[chosen], generator)
        sight: Sight = judge(_dulled(moved[:, :3], generator))
        truths = self.truths[chosen].unbind(1)
        named = [functional.cross_entropy(each, truth) for each, truth in zip(sight.traits, truths, strict=True)]
        outlines = functional.avg_pool2d(moved[:, 3:], CELL)
        return torch.stack(named).sum() + functional.binary_cross_entropy_with_logits(sight.outline, outlines)


def outline_of(scene: Scene, shape: tuple[int, int]) -> torch.Tensor:
    """Return where a scene's subject is, from 0 to 1, at a shape (width, height); of shape (1, height, width)."""
    return (pixels([silhouette(scene, *shape).convert("RGB")])[0, :1] + 1) / 2


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


def _stage(before: int, after: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, 3, stride=stride, padding=1), nn.GroupNorm(8, after), nn.SiLU(inplace=True)
    )


def _moved(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Return images moved by up to 4 pixels, half of them mirrored."""
    left, top = (int(torch.randint(9, (1,), generator=generator)) for _ in range(2))
    moved = functional.pad(images, (4, 4, 4, 4), mode="replicate")
    moved = moved[..., top : top + images.shape[2], left : left + images.shape[3]]
    mirrored = torch.rand(len(images), 1, 1, 1, generator=generator) < 0.5
    return torch.where(mirrored, moved.flip(3), moved)


def _dulled(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Return images blurred by a share, with other gains and some noise."""
    soft = functional.avg_pool2d(images, 3, stride=1, padding=1, count_include_pad=False)
    soft = torch.lerp(images, soft, torch.rand(len(images), 1, 1, 1, generator=generator))
    gain = 1 + 0.12 * (torch.rand(len(images), 3, 1, 1, generator=generator) - 0.5)
    return (soft * gain + 0.04 * torch.randn(images.shape, generator=generator)).clamp(-1, 1)
