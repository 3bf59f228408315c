"""The loop that trains a VAE, or its decoder alone, on crops of drawings; it resumes to the bit.

What is learned is an `Objective`: a function of the VAE, a step's crops and the step's generator. Every step draws from a
generator of its own, seeded by (run's seed, step), so that a checkpoint of step, weights, average and moments is all.
"""

import copy
import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from runner.studio.diffusion import seed_for

Objective = Callable[[Any, torch.Tensor, torch.Generator], tuple[torch.Tensor, float]]
"""The loss of a VAE on crops, and a number that says how it does."""

AVERAGE_DECAY = 0.995

REPORT_EVERY = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class CropPlan:
    """What a VAE's training does, fixed before it starts. Crops are squares of `crop` pixels."""

    steps: int = 8000
    crops_a_step: int = 4
    crop: int = 96
    learning_rate: float = 1.5e-3
    warmup: int = 40
    seed: int = 20261123

    def rate(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0: a short rise, then half a cosine."""
        fall = 0.5 * (1 + math.cos(math.pi * step / self.steps))
        return self.learning_rate * min(1.0, (step + 1) / self.warmup) * (0.01 + 0.99 * fall)


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """Where a run keeps its checkpoint, and how many seconds apart. Without a path it keeps none."""

    path: Path | None = None
    every: float = 60.0


class Fit:
    """A VAE in training: the weights that learn are those that ask for gradients."""

    def __init__(self, autoencoder: Any, plan: CropPlan) -> None:
        self.autoencoder = autoencoder
        self.average = copy.deepcopy(autoencoder).eval()
        self.step = 0
        self._plan = plan
        self._trained = [each for each in autoencoder.parameters() if each.requires_grad]
        pairs = zip(self.average.parameters(), autoencoder.parameters(), strict=True)
        self._slow = [slow for slow, fast in pairs if fast.requires_grad]
        self.average.requires_grad_(requires_grad=False)
        self._optimizer = torch.optim.AdamW(self._trained, lr=plan.learning_rate, betas=(0.9, 0.98))

    def take(self, objective: Objective, drawings: torch.Tensor) -> float:
        """Take one step and return what the objective says of it."""
        for group in self._optimizer.param_groups:
            group["lr"] = self._plan.rate(self.step)
        loss, measured = objective(self.autoencoder, *random_crops(drawings, self._plan, self.step))
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._trained, 1.0)
        self._optimizer.step()
        decay = min(AVERAGE_DECAY, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            torch._foreach_lerp_(self._slow, self._trained, 1 - decay)
        self.step += 1
        return measured

    def save(self, path: Path) -> None:
        """Write a checkpoint whole or not at all."""
        part = path.with_suffix(".part")
        part.parent.mkdir(parents=True, exist_ok=True)
        state = {
            "step": self.step,
            "autoencoder": self.autoencoder.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self._optimizer.state_dict(),
        }
        torch.save(state, part)
        part.replace(path)

    def restore(self, path: Path) -> None:
        """Take over a checkpoint that `save` wrote for the same architecture."""
        saved = torch.load(path, weights_only=True)
        self.autoencoder.load_state_dict(saved["autoencoder"])
        self.average.load_state_dict(saved["average"])
        self._optimizer.load_state_dict(saved["optimizer"])
        self.step = saved["step"]


def fit(
    autoencoder: Any,
    drawings: torch.Tensor,
    plan: CropPlan,
    objective: Objective,
    report: Callable[[int, float], None],
    *,
    keeping: Keeping = Keeping(),
) -> Any:
    """Train the weights of a VAE that ask for gradients, in place; return the VAE with their moving average.

    Args:
        autoencoder: as it starts; a checkpoint in `keeping` goes before it.
        drawings: from `latents.pixels`; cropped anew at each step.
        plan: how long and how fast.
        objective: what to learn.
        report: is told the step and the mean of the objective's number since the last time.
        keeping: where to keep checkpoints.
    """
    run = Fit(autoencoder, plan)
    if keeping.path and keeping.path.exists():
        run.restore(keeping.path)
    measured: list[float] = []
    kept = time.monotonic()
    while run.step < plan.steps:
        measured.append(run.take(objective, drawings))
        last = run.step == plan.steps
        if run.step % REPORT_EVERY == 0 or last:
            report(run.step, sum(measured) / len(measured))
            measured.clear()
        if keeping.path and (last or time.monotonic() - kept >= keeping.every):
            run.save(keeping.path)
            kept = time.monotonic()
    return run.average


def random_crops(drawings: torch.Tensor, plan: CropPlan, step: int) -> tuple[torch.Tensor, torch.Generator]:
    """Return a step's crops, some mirrored and some with their channels shuffled, and its generator for more chance."""
    seed = seed_for(plan.seed, "autoencoder", step)
    chance, generator = random.Random(seed), torch.Generator().manual_seed(seed)
    crops = []
    for _ in range(plan.crops_a_step):
        drawing = drawings[chance.randrange(len(drawings))]
        y, x = (chance.randint(0, side - plan.crop) for side in drawing.shape[1:])
        crop = drawing[:, y : y + plan.crop, x : x + plan.crop]
        if chance.random() < 0.5:
            crop = crop.flip(2)
        if chance.random() < 0.35:
            crop = crop[torch.randperm(3, generator=generator)]
        crops.append(crop)
    return torch.stack(crops), generator


def psnr(decoded: torch.Tensor, original: torch.Tensor) -> float:
    """Return the peak signal-to-noise ratio of images from -1 to 1, in dB."""
    return 10 * math.log10(4 / max((decoded - original).pow(2).mean().item(), 1e-12))
