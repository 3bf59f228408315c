"""Trains a decoder for a VAE, its encoder untouched: the UNet's latents stay valid, and edges come out as crisp as asked.

A soft edge and a crisp one rise by the same amount, so the absolute errors of the VAE's own training hardly tell them
apart where an edge's exact place is lost. The square of a gradient does: one step of 1 has the energy 1, four of 1/4
have 1/4. So the loss compares that energy, in small windows and at several scales, beside each pixel and its Laplacian.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch
from PIL import Image
from torch.nn import functional

from runner.studio.autoencoder import roughen
from runner.studio.fitting import CropPlan, Keeping, fit, psnr
from runner.studio.latents import pixels
from runner.studio.scenes import Scene, draw
from runner.studio.styles import STYLES

SCALES = 3
"""Sizes at which edges are compared: whole, half and a quarter."""

WINDOW = 4
"""Side in pixels of the windows, half overlapping, in which gradient energy is compared."""


STYLED_EVERY = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Taste:
    """What a decoder is to be good at.

    Attributes:
        energy: weight of the difference in gradient energy; more brings crisper edges.
        squared: weight of the mean squared error; more brings a higher PSNR and softer edges.
        calm: weight of the decoded picture's own gradient energy; more brings softer edges at little cost in PSNR.
        tether: the encoder learns too, and this is the weight of the mean square by which its latents move away from
            where they were; None leaves the encoder as it is.
    """

    energy: float
    squared: float
    calm: float = 0.0
    tether: float | None = None


TASTES: Mapping[str, Taste] = MappingProxyType(
    {
        "moved": Taste(energy=0.25, squared=8.0, tether=1.0),
        "faithful": Taste(energy=0.25, squared=8.0),
        "calm": Taste(energy=0.0, squared=8.0, calm=4.0),
        "crisp": Taste(energy=2.0, squared=0.0),
    }
)
"""For the model's own VAE: first both halves, after which its UNet has to go on with new latents, then the decoder alone.
For `vae: crisp`: a decoder."""


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
    plan: CropPlan,
    report: Callable[[int, float], None],
    *,
    taste: Taste = TASTES["crisp"],
    size: int = 256,
    keeping: Keeping = Keeping(),  # noqa: B008 - frozen
) -> Any:
    """Train a VAE's decoder, and its encoder if the taste says so, in place; return the VAE with their moving average.

    Args:
        autoencoder: from `networks.load_autoencoder`; its scaling factor stays as it is.
        scenes: what to draw, one in eight in a LoRA's style; drawn once, cropped anew at each step.
        plan: how long and how fast.
        report: is told the step and the mean of `edge_loss` since the last time.
        taste: what the decoder is to be good at.
        size: width and height of a drawing in pixels.
        keeping: where to keep checkpoints.
    """
    drawings = pixels([_dressed(draw(scene, size, size), place) for place, scene in enumerate(scenes)])
    before = copy.deepcopy(autoencoder.encoder).eval().requires_grad_(requires_grad=False)
    autoencoder.encoder.requires_grad_(requires_grad=taste.tether is not None)
    autoencoder.decoder.train().requires_grad_(requires_grad=True)

    def objective(trained: Any, crops: torch.Tensor, generator: torch.Generator) -> tuple[torch.Tensor, float]:
        latents = trained.encode(crops).latents
        loss = edge_loss(trained.decode(roughen(latents, generator)).sample, crops, taste)
        measured = loss.item()
        if taste.tether is not None:
            loss = loss + taste.tether * (latents - before(crops)).pow(2).mean()
        return loss, measured

    return fit(autoencoder, drawings, plan, objective, report, keeping=keeping)


def edge_loss(decoded: torch.Tensor, original: torch.Tensor, taste: Taste = TASTES["crisp"]) -> torch.Tensor:
    """Return the loss of images from -1 to 1: pixels, colour once more, and at each scale Laplacian and gradient energy."""
    error = decoded - original
    colour = error - error.mean(1, keepdim=True)
    loss = error.abs().mean() + 1.5 * colour.abs().mean() + taste.squared * error.pow(2).mean()
    if taste.calm:
        loss = loss + taste.calm * sum(decoded.diff(dim=axis).pow(2).mean() for axis in (-1, -2))
    for scale in range(SCALES):
        if scale:
            decoded, original = functional.avg_pool2d(decoded, 2), functional.avg_pool2d(original, 2)
        loss = loss + (_laplacian(decoded) - _laplacian(original)).abs().mean() / SCALES
        loss = loss + taste.energy * (_energy(decoded) - _energy(original)).abs().mean() / SCALES
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


def _dressed(drawing: Image.Image, place: int) -> Image.Image:
    """Return a drawing as it is, or every `STYLED_EVERY`th in one of the LoRAs' styles: they are decoded as well."""
    if place % STYLED_EVERY:
        return drawing
    styles = tuple(STYLES.values())
    return styles[place // STYLED_EVERY % len(styles)](drawing)


def _laplacian(images: torch.Tensor) -> torch.Tensor:
    centre = images[..., 1:-1, 1:-1]
    beside = images[..., 1:-1, 2:] + images[..., 1:-1, :-2] + images[..., 2:, 1:-1] + images[..., :-2, 1:-1]
    return centre - beside / 4


def _energy(images: torch.Tensor) -> torch.Tensor:
    """Return the root of the mean squared gradient in each window."""
    squares = images.diff(dim=-1)[..., :-1, :].pow(2) + images.diff(dim=-2)[..., :-1].pow(2)
    return (functional.avg_pool2d(squares, WINDOW, stride=WINDOW // 2) + 1e-5).sqrt()
