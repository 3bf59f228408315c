"""What a model is marked by: harder than naming, for a broken house is still a house to one who only has to name it.

A picture whose traits are all right at once, a subject in one piece and of the drawn subject's outline, and pictures that
as a crowd look to the judge as drawings of the same scenes do: each falls where shapes break.
"""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from PIL import Image
from torch.nn import functional

from runner.studio.diffusion import seed_for
from runner.studio.judge import CELL, SIGHT, TRAITS, Judge, Sight, outline_of, verdict_of
from runner.studio.scenes import Scene, draw

LEAST_PIECE = 0.04
"""A piece of the subject counts from this share of its largest piece."""

CENTRES = (0.46, 0.48, 0.5, 0.52, 0.54)
SCALES = (1.22, 1.26, 1.3, 1.34, 1.38)
"""Where and how large training draws a subject; an outline is held against each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """How pictures do, against the scenes that were asked for.

    Attributes:
        right: for each trait the share of pictures in which the judge sees what was asked for.
        whole: the share in which every trait is right.
        intact: mean overlap (intersection over union) of the subject's outline with the asked subject's, where it fits best.
        alone: the share in which the subject is of one piece.
        distance: kernel distance from drawings of the same scenes, times 1000; None for fewer than two pictures.
    """

    right: Mapping[str, float]
    whole: float
    intact: float
    alone: float
    distance: float | None

    def __str__(self) -> str:
        parts = [f"{trait} {share:.1%}" for trait, share in self.right.items()]
        parts += [f"all at once {self.whole:.1%}", f"intact {self.intact:.3f}", f"alone {self.alone:.1%}"]
        return ", ".join(parts) + (f", distance {self.distance:.2f}" if self.distance is not None else "")


def mark(judge: Judge, pictures: Iterable[tuple[Image.Image, Scene]]) -> Marks:
    """Let a judge look at pictures, and mark them against the scenes that they should show."""
    agreed: list[list[bool]] = []
    overlaps, alone, features, drawn = [], [], [], []
    for image, scene in pictures:
        sight = judge.look(image)
        verdict = verdict_of(sight)
        agreed.append([verdict[trait] == getattr(scene, trait) for trait in TRAITS])
        found = outline_found(sight)
        overlaps.append(best_overlap(found, scene, image.size))
        alone.append(pieces(found) == 1)
        features.append(sight.features)
        drawn.append(judge.look(draw(_another(scene), *image.size)).features)
    return Marks(
        right={trait: _share(column) for trait, column in zip(TRAITS, zip(*agreed, strict=True), strict=True)},
        whole=_share([all(row) for row in agreed]),
        intact=sum(overlaps) / len(overlaps),
        alone=_share(alone),
        distance=1000 * kernel_distance(torch.cat(features), torch.cat(drawn)) if len(features) > 1 else None,
    )


def outline_found(sight: Sight) -> torch.Tensor:
    """Return the cells in which the judge sees one picture's subject: booleans of shape (height, width)."""
    return sight.outline[0, 0] > 0


def best_overlap(found: torch.Tensor, scene: Scene, size: tuple[int, int]) -> float:
    """Return the highest overlap of an outline with that of a scene's subject, wherever training might have drawn it.

    Args:
        found: from `outline_found`.
        scene: what the picture should show.
        size: the picture's width and height, of which only the ratio matters.
    """
    factor = SIGHT / min(size)
    shape = (round(size[0] * factor), round(size[1] * factor))
    drawn = torch.stack(
        [outline_of(replace(scene, centre=centre, scale=scale), shape) for centre in CENTRES for scale in SCALES]
    )
    cells = functional.avg_pool2d(drawn, CELL)[:, 0] > 0.5
    both = torch.cat([cells, cells.flip(2)])  # training has mirror images too
    shared, joined = (both & found).sum((1, 2)), (both | found).sum((1, 2))
    return (shared / joined).max().item()


def pieces(found: torch.Tensor) -> int:
    """Count the pieces of an outline, corners touching, from `LEAST_PIECE` of the largest up.

    >>> pieces(torch.tensor([[True, False, True], [True, False, False]]))
    2
    """
    labels = torch.arange(1, found.numel() + 1, dtype=torch.float32).view_as(found) * found
    while True:
        spread = functional.max_pool2d(labels[None, None], 3, stride=1, padding=1)[0, 0] * found
        if torch.equal(spread, labels):
            break
        labels = spread
    sizes = labels[found].unique(return_counts=True)[1]
    return int((sizes >= LEAST_PIECE * sizes.max()).sum()) if len(sizes) else 0


def kernel_distance(one: torch.Tensor, other: torch.Tensor) -> float:
    """Return the kernel inception distance of Binkowski et al. 2018 ("Demystifying MMD GANs") between two sets of features.

    That is the squared maximum mean discrepancy under the kernel (x·y / n + 1)³, unbiased for any number of pictures, so
    that it can fall a little below 0 where the sets are alike. The features are this project's judge's, not Inception's.

    Args:
        one: shape (pictures, n), at least two pictures.
        other: shape (pictures, n), at least two pictures.
    """

    def mean(first: torch.Tensor, second: torch.Tensor, *, same: bool) -> float:
        kernel = (first @ second.T / first.shape[1] + 1) ** 3
        count = kernel.numel() - (len(first) if same else 0)
        return ((kernel.sum() - (kernel.trace() if same else 0)) / count).item()

    first, second = one.double(), other.double()
    return mean(first, first, same=True) + mean(second, second, same=True) - 2 * mean(first, second, same=False)


def jittered(scene: Scene) -> Scene:
    """Return a scene with its subject and its horizon where training might have put them, by its own seed."""
    rng = random.Random(scene.detail_seed)
    return replace(
        scene, centre=rng.uniform(0.46, 0.54), scale=rng.uniform(1.22, 1.38), horizon=rng.uniform(0.62, 0.68)
    )


def _another(scene: Scene) -> Scene:
    """Return a scene of the same traits, otherwise placed and with other details."""
    return jittered(replace(scene, detail_seed=seed_for("another", scene.detail_seed)))


def _share(agreed: Sequence[bool]) -> float:
    return sum(agreed) / len(agreed)
