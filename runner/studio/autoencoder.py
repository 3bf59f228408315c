"""Trains the VAE: an AutoencoderTiny of 8 pixels per latent, on crops of drawings.

Plain pixel errors left purple grey and pink pale, for a drawing's colours lie close together in brightness. So the
colour that remains when each pixel's mean is taken off is weighed once more, and a third of the crops has its channels
shuffled: the VAE cannot learn that a colour is rare.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch

from runner.studio.fitting import CropPlan, Keeping, fit, psnr
from runner.studio.latents import pixels
from runner.studio.scenes import Scene, draw

LATENT_NOISE = 0.07
"""Noise added to latents in training, in seven crops of ten: the decoder learns to forgive the UNet."""

LATENT_WEIGHT = 1e-3
"""Weight of the latents' mean square, which keeps them near unit scale."""


def train_autoencoder(
    autoencoder: Any,
    scenes: Sequence[Scene],
    plan: CropPlan,
    report: Callable[[int, float], None],
    *,
    size: int = 256,
    keeping: Keeping = Keeping(),  # noqa: B008 - frozen
) -> Any:
    """Train a VAE in place on drawings of `size` pixels; return its moving average, scaled so that latents have unit size.

    Args:
        autoencoder: from `networks.build_autoencoder` or `load_autoencoder`.
        scenes: what to draw; drawn once, cropped anew at each step.
        plan: how long and how fast.
        report: is told the step and the mean PSNR in dB since the last time.
        size: width and height of a drawing in pixels.
        keeping: where to keep checkpoints.
    """
    drawings = pixels([draw(scene, size, size) for scene in scenes])
    average = fit(autoencoder.train(), drawings, plan, _objective, report, keeping=keeping)
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


def roughen(latents: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Return latents with noise on seven in ten, as `LATENT_NOISE` says."""
    noise = LATENT_NOISE * torch.randn(latents.shape, generator=generator)
    return latents + noise * (torch.rand(len(latents), 1, 1, 1, generator=generator) < 0.7)


def _objective(autoencoder: Any, crops: torch.Tensor, generator: torch.Generator) -> tuple[torch.Tensor, float]:
    latents = autoencoder.encode(crops).latents
    decoded = autoencoder.decode(roughen(latents, generator)).sample
    loss = reconstruction_loss(decoded, crops) + LATENT_WEIGHT * latents.pow(2).mean()
    return loss, psnr(decoded.detach(), crops)


def _scale(autoencoder: Any, drawings: torch.Tensor) -> None:
    """Set the factor that brings latents to unit standard deviation, as the UNet expects them."""
    with torch.no_grad():
        spread = torch.cat([autoencoder.encode(part).latents for part in drawings[:64].split(4)]).std().item()
    autoencoder.register_to_config(scaling_factor=round(1 / spread, 5))
