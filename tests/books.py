"""Books for tests of the page, with pictures on disk."""

import io
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path

from PIL import Image

from runner.nouns import Axis, Layout, Picture, Point, Request, State
from runner.report import Book, Share, Tile
from runner.vault import Vault


def axis(name: str, labels: Sequence[object]) -> Axis:
    return Axis(name=name, points=tuple(Point(label=str(label)) for label in labels))


def painted(run: Path, shade: int, size: tuple[int, int] = (32, 32)) -> Picture:
    buffer = io.BytesIO()
    Image.new("RGB", size, (shade % 256, 80, 160)).save(buffer, "PNG")
    return Vault(run).put(buffer.getvalue())


def tiles(axes: Sequence[Axis], pictures: Sequence[Picture]) -> Iterator[Tile]:
    for number, labels in enumerate(product(*(tuple(point.label for point in each.points) for each in axes))):
        coordinates = {each.name: label for each, label in zip(axes, labels, strict=True)}
        yield tile(number, coordinates, (pictures[number % len(pictures)],))


def tile(number: int, coordinates: Mapping[str, str], pictures: tuple[Picture, ...] = (), **said: object) -> Tile:
    parameters = {"model_id": "any", "prompt": f"picture {number}", "seed": number}
    facts: dict[str, object] = {
        "state": State.MADE if pictures else State.PENDING,
        "seconds": 0.5 if pictures else None,
        "attempts": 1,
        "seed": number,
        "meta": {"seed": number},
        **said,
    }
    return Tile(
        coordinates=coordinates,
        digest=f"{number:064x}",
        request=Request(endpoint="text2img", parameters=parameters),
        pictures=pictures,
        **facts,  # type: ignore[arg-type]  # the fields that a test sets
    )


def book(axes: Sequence[Axis], shown: Sequence[Tile], **said: object) -> Book:
    shares = tuple(
        Share(axis=each.name, label=point.label, count=2, made=2, p50=0.5, p95=1.0)
        for each in axes
        for point in each.points
    )
    facts: dict[str, object] = {
        "target": "sketch",
        "title": "Which is best?",
        "layout": Layout(),
        "shares": shares,
        **said,
    }
    return Book(name="test", endpoint="text2img", axes=tuple(axes), tiles=shown, **facts)  # type: ignore[arg-type]  # the fields that a test sets
