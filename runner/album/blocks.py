"""The columns and rows of a contact sheet, in pixels: how far each reaches, where it begins, which share a page."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from runner.album.pictures import mosaic
from runner.album.views import Lane, Tiles

GAP, GROUP_GAP = 8, 24


@dataclass(frozen=True, slots=True)
class Block:
    """Some columns or rows of a sheet: where each begins and how far it reaches, from the first picture's edge."""

    lanes: tuple[Lane, ...]
    starts: tuple[int, ...]
    extents: tuple[int, ...]

    @property
    def total(self) -> int:
        """Pixels from the first lane's start to the last one's end."""
        return self.starts[-1] + self.extents[-1]


def lane_extents(tiles: Tiles, size: int) -> tuple[dict[Lane, int], dict[Lane, int]]:
    """Return how wide each column and how high each row must be for its pictures, in order.

    Of several pictures in a cell those beside each other are smaller: a row of two in each cell is half as high.
    """
    wide, high = (
        {lane: size * share for lane, share in sorted(_shares(tiles, side).items(), key=_last)} for side in (0, 1)
    )
    piles = _piles(tiles)
    return _pixels(wide), _pixels({lane: extent * piles.get(lane, 1.0) for lane, extent in high.items()})


def _shares(tiles: Tiles, side: int) -> dict[Lane, float]:
    """Return the largest extent of a picture in each lane, as a share of its longer side; as others have where none is."""
    shares: dict[Lane, float] = {}
    for lanes, piled in tiles.items():
        sizes = [(picture.width, picture.height) for tile in piled for picture in tile.standing.pictures]
        sides = [size[side] / max(size) for size in sizes]
        shares[lanes[side]] = max([shares.get(lanes[side], 0.0), *sides])
    usual = max(shares.values()) or 1.0
    return {lane: share or usual for lane, share in shares.items()}


def _piles(tiles: Tiles) -> dict[Lane, float]:
    """Return how high the highest cell of each row with pictures is, in heights of one picture."""
    piles: dict[Lane, float] = {}
    for (_, row), piled in tiles.items():
        if count := sum(len(tile.standing.pictures) for tile in piled):
            across, down = mosaic(count)
            piles[row] = max(piles.get(row, 0.0), down / across)
    return piles


def _pixels(extents: Mapping[Lane, float]) -> dict[Lane, int]:
    """Round as the page does, a half up."""
    return {lane: max(1, math.floor(extent + 0.5)) for lane, extent in extents.items()}


def _last(share: tuple[Lane, float]) -> tuple[float, float]:
    """Order lanes by their points; those to which an axis does not apply come last."""
    outer, inner = (digit or float("inf") for digit in share[0])
    return outer, inner


def in_blocks(extents: Mapping[Lane, int], most: int, band: int) -> list[Block]:
    """Lay lanes out in blocks of at most so many pixels; before each group of a block is room for its label."""
    found: list[Block] = []
    lanes: list[Lane] = []
    starts: list[int] = []
    for lane, extent in extents.items():
        at = _next(lanes, starts, lane, extents, band)
        if lanes and at + extent > most:
            found.append(_block(lanes, starts, extents))
            lanes, starts, at = [], [], band
        lanes.append(lane)
        starts.append(at)
    return [*found, _block(lanes, starts, extents)]


def _next(lanes: Sequence[Lane], starts: Sequence[int], lane: Lane, extents: Mapping[Lane, int], band: int) -> int:
    if not lanes:
        return band
    end = starts[-1] + extents[lanes[-1]]
    return end + GAP if lanes[-1][0] == lane[0] else end + GROUP_GAP + band


def _block(lanes: Sequence[Lane], starts: Sequence[int], extents: Mapping[Lane, int]) -> Block:
    return Block(tuple(lanes), tuple(starts), tuple(extents[lane] for lane in lanes))


def groups(block: Block) -> Iterator[tuple[int, int]]:
    """Yield the first and last place of each group in a block."""
    opens = [place for place, lane in enumerate(block.lanes) if not place or lane[0] != block.lanes[place - 1][0]]
    return ((first, end - 1) for first, end in pairwise([*opens, len(block.lanes)]))
