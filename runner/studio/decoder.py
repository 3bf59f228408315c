"""Trains a second decoder for a VAE, its encoder untouched: the UNet's latents stay valid, and edges come out crisp.

A soft edge and a crisp one rise by the same amount, so the absolute errors of the VAE's own training hardly tell them
apart where an edge's exact place is lost. The square of a gradient does: one step of 1 has the energy 1, four of 1/4
have 1/4. So the loss compares that energy, in small windows and at several scales, beside each pixel and its Laplacian.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional

from runner.studio.autoencoder import LATENT_NOISE, AutoencoderPlan, follow, psnr, random_crops
from runner.studio.latents import pixels
from runner.studio.scenes import Scene, draw

SCALES = 3
"""Sizes at which edges are compared: whole, half and a quarter."""

WINDOW = 4
"""Side in pixels of the windows, half overlapping, in which gradient energy is compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fidelity:
    """How drawings come back from a VAE.

    Attributes:
        psnr: mean peak signal-to-noise ratio in dB.
        edges: gradient energy of what came back as a share of the drawings'; 1 is as crisp as drawn, less is softer.
    """

    psnr: float
    edges: float


def train_decoder(
    autoencoder: Any,
    scenes: Sequence[Scene],
    plan: AutoencoderPlan,
    report: Callable[[int, float], None],
    *,
    size: int = 256,
) -> Any:
    """Train a VAE's decoder in place on drawings of `size` pixels; return the VAE with the decoder's moving average.

    Args:
        autoencoder: from `networks.load_autoencoder`; its encoder and scaling factor stay as they are.
        scenes: what to draw; drawn once, cropped anew at each step.
        plan: how long and how fast.
        report: is told the step and the mean of `edge_loss` since the last time.
        size: width and height of a drawing in pixels.
    """
    drawings = pixels([draw(scene, size, size) for scene in scenes])
    autoencoder.requires_grad_(requires_grad=False)
    average = copy.deepcopy(autoencoder).eval()
    decoder = autoencoder.decoder.train().requires_grad_(requires_grad=True)
    optimizer = torch.optim.AdamW(decoder.parameters(), lr=plan.learning_rate, betas=(0.9, 0.98))
    losses: list[float] = []
    for step in range(plan.steps):
        for group in optimizer.param_groups:
            group["lr"] = plan.rate(step)
        crops, generator = random_crops(drawings, plan, step)
        loss = edge_loss(autoencoder.decode(_rough_latents(autoencoder, crops, generator)).sample, crops)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(decoder.parameters(), 1.0)
        optimizer.step()
        follow(average.decoder, decoder, step)
        losses.append(loss.item())
        if (step + 1) % 100 == 0 or step + 1 == plan.steps:
            report(step + 1, sum(losses) / len(losses))
            losses.clear()
    return average


def edge_loss(decoded: torch.Tensor, original: torch.Tensor) -> torch.Tensor:
    """Return the loss of images from -1 to 1: pixels, colour once more, and at each scale Laplacian and gradient energy."""
    error = decoded - original
    colour = error - error.mean(1, keepdim=True)
    loss = error.abs().mean() + 1.5 * colour.abs().mean()
    for scale in range(SCALES):
        if scale:
            decoded, original = functional.avg_pool2d(decoded, 2), functional.avg_pool2d(original, 2)
        loss = loss + (_laplacian(decoded) - _laplacian(original)).abs().mean() / SCALES
        loss = loss + 2 * (_energy(decoded) - _energy(original)).abs().mean() / SCALES
    return loss


def fidelity(autoencoder: Any, scenes: Sequence[Scene], *, size: int = 256) -> Fidelity:
    """Measure how drawings of `size` pixels come back from a VAE."""
    ratios, energy, drawn = [], 0.0, 0.0
    for scene in scenes:
        original = pixels([draw(scene, size, size)])
        with torch.no_grad():
            decoded = autoencoder.decode(autoencoder.encode(original).latents).sample.clamp(-1, 1)
        ratios.append(psnr(decoded, original))
        energy += gradient_energy(decoded)
        drawn += gradient_energy(original)
    return Fidelity(psnr=sum(ratios) / len(ratios), edges=energy / drawn)


def gradient_energy(images: torch.Tensor) -> float:
    """Return the mean square of the steps from each pixel to the next, across and down."""
    return sum(images.diff(dim=axis).pow(2).mean().item() for axis in (-1, -2))


def _rough_latents(autoencoder: Any, crops: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Encode crops, seven in ten with noise, as `autoencoder.LATENT_NOISE` says."""
    with torch.no_grad():
        latents: torch.Tensor = autoencoder.encode(crops).latents
    noise = LATENT_NOISE * torch.randn(latents.shape, generator=generator)
    return latents + noise * (torch.rand(len(crops), 1, 1, 1, generator=generator) < 0.7)


def _laplacian(images: torch.Tensor) -> torch.Tensor:
    centre = images[..., 1:-1, 1:-1]
    beside = images[..., 1:-1, 2:] + images[..., 1:-1, :-2] + images[..., 2:, 1:-1] + images[..., :-2, 1:-1]
    return centre - beside / 4


def _energy(images: torch.Tensor) -> torch.Tensor:
    """Return the root of the mean squared gradient in each window."""
    squares = images.diff(dim=-1)[..., :-1, :].pow(2) + images.diff(dim=-2)[..., :-1].pow(2)
    return (functional.avg_pool2d(squares, WINDOW, stride=WINDOW // 2) + 1e-5).sqrt()
