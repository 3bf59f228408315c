"""Trains the VAE: an AutoencoderTiny of 8 pixels per latent, on crops of drawings.

Plain pixel errors left purple grey and pink pale, for a drawing's colours lie close together in brightness. So the
colour that remains when each pixel's mean is taken off is weighed once more, and a third of the crops has its channels
shuffled: the VAE cannot learn that a colour is rare.
"""

import copy
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from runner.studio.diffusion import seed_for
from runner.studio.latents import pixels
from runner.studio.scenes import Scene, draw

LATENT_NOISE = 0.07
"""Noise added to latents in training, in seven crops of ten: the decoder learns to forgive the UNet."""

LATENT_WEIGHT = 1e-3
"""Weight of the latents' mean square, which keeps them near unit scale."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AutoencoderPlan:
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


def train_autoencoder(
    autoencoder: Any,
    scenes: Sequence[Scene],
    plan: AutoencoderPlan,
    report: Callable[[int, float], None],
    *,
    size: int = 256,
) -> Any:
    """Train a VAE in place on drawings of `size` pixels; return its moving average, scaled so that latents have unit size.

    Args:
        autoencoder: from `networks.build_autoencoder` or `load_autoencoder`.
        scenes: what to draw; drawn once, cropped anew at each step.
        plan: how long and how fast.
        report: is told the step and the mean PSNR in dB since the last time.
        size: width and height of a drawing in pixels.
    """
    drawings = pixels([draw(scene, size, size) for scene in scenes])
    average = copy.deepcopy(autoencoder).eval().requires_grad_(requires_grad=False)
    optimizer = torch.optim.AdamW(autoencoder.train().parameters(), lr=plan.learning_rate, betas=(0.9, 0.98))
    quality: list[float] = []
    for step in range(plan.steps):
        for group in optimizer.param_groups:
            group["lr"] = plan.rate(step)
        crops, generator = random_crops(drawings, plan, step)
        latents = autoencoder.encode(crops).latents
        noise = LATENT_NOISE * torch.randn(latents.shape, generator=generator)
        rough = torch.rand(len(crops), 1, 1, 1, generator=generator) < 0.7
        decoded = autoencoder.decode(latents + noise * rough).sample
        loss = reconstruction_loss(decoded, crops) + LATENT_WEIGHT * latents.pow(2).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(autoencoder.parameters(), 1.0)
        optimizer.step()
        follow(average, autoencoder, step)
        quality.append(psnr(decoded.detach(), crops))
        if (step + 1) % 100 == 0 or step + 1 == plan.steps:
            report(step + 1, sum(quality) / len(quality))
            quality.clear()
    _scale(average, drawings)
    return average


def reconstruction_loss(decoded: torch.Tensor, original: torch.Tensor) -> torch.Tensor:
    """Return the loss of images from -1 to 1: absolute and squared error, edges, and colour once more."""
    error = decoded - original
    colour = error - error.mean(1, keepdim=True)
    across = (error[..., 1:] - error[..., :-1]).abs().mean()
    down = (error[..., 1:, :] - error[..., :-1, :]).abs().mean()
    pixel = error.abs().mean() + error.pow(2).mean()
    return pixel + 0.5 * (across + down) + 1.5 * colour.abs().mean() + 2 * colour.pow(2).mean()


def psnr(decoded: torch.Tensor, original: torch.Tensor) -> float:
    """Return the peak signal-to-noise ratio of images from -1 to 1, in dB."""
    return 10 * math.log10(4 / max((decoded - original).pow(2).mean().item(), 1e-12))


def random_crops(drawings: torch.Tensor, plan: AutoencoderPlan, step: int) -> tuple[torch.Tensor, torch.Generator]:
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


def follow(average: Any, trained: Any, step: int) -> None:
    """Move an average of weights towards the trained ones; slower the more steps there were."""
    decay = min(0.995, (1 + step) / (10 + step))
    with torch.no_grad():
        for slow, fast in zip(average.parameters(), trained.parameters(), strict=True):
            slow.lerp_(fast, 1 - decay)


def _scale(autoencoder: Any, drawings: torch.Tensor) -> None:
    """Set the factor that brings latents to unit standard deviation, as the UNet expects them."""
    with torch.no_grad():
        spread = torch.cat([autoencoder.encode(part).latents for part in drawings[:64].split(4)]).std().item()
    autoencoder.register_to_config(scaling_factor=round(1 / spread, 5))
