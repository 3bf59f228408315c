"""Noise schedule and loss: what one training step is about, without the loop around it."""

import hashlib

import torch

from runner.studio.networks import SCHEDULER, TRAIN_TIMESTEPS

MIN_SNR_GAMMA = 5.0
"""Hang et al. 2023, "Efficient Diffusion Training via Min-SNR Weighting Strategy": steps with little noise weigh less."""

NOISE_OFFSET = 0.07
"""Share of noise that is one value a channel: lets the model leave grey for very dark and very bright pictures."""

LIGHT_PLACES = (0.40, 0.38)
"""The corners of the sky where a sun or a moon may stand: shares of a picture's height and, from either side, its width."""

LIGHT_WEIGHT = 6.0
"""How much more the error counts there: a light is a thirtieth of a picture, and without it its words are not learned."""


def seed_for(*parts: int | str) -> int:
    """Return a 63-bit seed that belongs to these parts alone, such as a run's seed, a step and a worker."""
    text = "/".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


class NoiseSchedule:
    """Stable Diffusion's scaled-linear schedule as tables over the 1000 timesteps."""

    def __init__(self) -> None:
        roots = torch.linspace(SCHEDULER["beta_start"] ** 0.5, SCHEDULER["beta_end"] ** 0.5, TRAIN_TIMESTEPS)
        self.signal = torch.cumprod(1 - roots**2, 0)
        """Share of the picture's variance that is left at each timestep (alpha-bar); shape (1000,)."""
        ratio = self.signal / (1 - self.signal)
        self.weight = ratio.clamp(max=MIN_SNR_GAMMA) / ratio
        """Min-SNR weight of the epsilon loss at each timestep; shape (1000,)."""

    def add_noise(self, latents: torch.Tensor, noise: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
        """Return latents as they look at their timesteps; all shapes (batch, 4, height, width) and (batch,)."""
        signal = self.signal[timesteps].view(-1, 1, 1, 1)
        return signal.sqrt() * latents + (1 - signal).sqrt() * noise


def stratified_timesteps(count: int, generator: torch.Generator) -> torch.Tensor:
    """Draw one timestep from each of `count` equal parts of the schedule: less noise in the loss than free draws."""
    places = torch.arange(count) + torch.rand(count, generator=generator)
    return (places * (TRAIN_TIMESTEPS / count)).long().clamp(max=TRAIN_TIMESTEPS - 1)


def offset_noise(latents: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Draw noise shaped like latents, with an offset a channel added."""
    noise = torch.randn(latents.shape, generator=generator)
    return noise + NOISE_OFFSET * torch.randn(*latents.shape[:2], 1, 1, generator=generator)


def attention(height: int, width: int) -> torch.Tensor:
    """Return how much the error of each latent counts, with a mean of 1; shape (height, width).

    The best prediction of each latent is the same whatever the weights: they say what is learned first.
    """
    weights = torch.ones(height, width)
    down, inward = round(LIGHT_PLACES[0] * height), round(LIGHT_PLACES[1] * width)
    weights[:down, :inward] = weights[:down, -inward:] = LIGHT_WEIGHT
    return weights / weights.mean()
