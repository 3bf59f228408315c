"""Drawings become latents on disk: encoded once, read many times."""

import random
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from runner.studio.scenes import Scene, draw

BATCH = 4
"""Pictures encoded at once; larger batches were slower on two CPU cores."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LatentSet:
    """Latents of one shape and what each of them shows.

    Attributes:
        latents: scaled as the UNet sees them; fp32, shape (pictures, 4, height / 8, width / 8).
        scenes: the scene of each.
    """

    latents: torch.Tensor
    scenes: tuple[Scene, ...]

    def save(self, path: Path) -> None:
        """Write the set to a file, the latents in fp16."""
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save({"latents": self.latents.half(), "scenes": [asdict(scene) for scene in self.scenes]}, path)

    @classmethod
    def load(cls, paths: Sequence[Path]) -> "LatentSet":
        """Read one set or several of the same shape, one after the other."""
        parts = [torch.load(path, weights_only=True) for path in paths]
        return cls(
            latents=torch.cat([part["latents"] for part in parts]).float(),
            scenes=tuple(Scene(**scene) for part in parts for scene in part["scenes"]),
        )


def pixels(images: Sequence[Image.Image]) -> torch.Tensor:
    """Return RGB images of one size as a tensor from -1 to 1 of shape (images, 3, height, width)."""
    stacked = torch.from_numpy(np.stack([np.asarray(image) for image in images]))
    return stacked.permute(0, 3, 1, 2).float() / 127.5 - 1


def encode(autoencoder: Any, images: torch.Tensor) -> torch.Tensor:
    """Return the scaled latents of images as `pixels` gives them."""
    with torch.no_grad():
        latents: torch.Tensor = autoencoder.encode(images).latents * autoencoder.config.scaling_factor
    return latents


def encode_scenes(
    autoencoder: Any,
    scenes: Sequence[Scene],
    size: tuple[int, int],
    *,
    mirror: bool,
    progress: Callable[[int], None],
) -> LatentSet:
    """Draw scenes at `size` (width, height) and encode them, with their mirror images if `mirror`."""
    autoencoder = autoencoder.to(memory_format=torch.channels_last)
    encoded: list[torch.Tensor] = []
    shown: list[Scene] = []
    for start in range(0, len(scenes), BATCH):
        batch = scenes[start : start + BATCH]
        images = pixels([draw(scene, *size) for scene in batch]).contiguous(memory_format=torch.channels_last)
        for variant in (images, images.flip(3)) if mirror else (images,):
            encoded.append(encode(autoencoder, variant).contiguous())
            shown.extend(batch)
        progress(start + len(batch))
    return LatentSet(latents=torch.cat(encoded), scenes=tuple(shown))


def draw_scenes(count: int, seed: int, sampler: Callable[[random.Random], Scene]) -> list[Scene]:
    """Return `count` scenes of a sampler from a seed."""
    rng = random.Random(seed)
    return [sampler(rng) for _ in range(count)]
