"""A view becomes a contact sheet: labels around pictures, on as many pages as a picture file can hold.

A page has at most 40 million pixels and 16,000 on a side, which every program opens; the labels stand on each. Rows and
columns are never torn.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw

from runner.album.blocks import GAP, Block, groups, in_blocks, lane_extents
from runner.album.lettering import Font, line_height, lines, put, spelled, visible
from runner.album.pictures import INK, PAPER, SOFT, drawn
from runner.album.views import Lane, Tiles, View
from runner.errors import InputError

MOST_PIXELS = 40_000_000
"""Pixels of one page."""

MOST_SIDE = 16_000
"""Pixels on a side of one page: JPEG, browsers and graphics cards end soon after."""

MOST_PAGES = 200

MARGIN = 24
LABEL, TITLE = 14, 20
"""Sizes of letters in pixels."""

LABEL_LINES, TITLE_LINES = 4, 2
STUB = (60, 200)
"""Least and most pixels for the rows' labels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """What all pages share.

    Attributes:
        run: the run folder.
        tiles: by column and row.
        stub: width of the rows' labels; head: height of what stands above the pictures.
        wrapped: lines of the columns' labels, 0 where they have none.
    """

    run: Path
    title: str
    view: View
    tiles: Tiles
    stub: int
    head: int
    wrapped: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of a sheet, drawn when asked."""

    number: int
    count: int
    width: int
    height: int
    draw: Callable[[], Image.Image]


def paginate(run: Path, title: str, view: View, tiles: Tiles, *, size: int) -> list[Page]:
    """Return the pages of a contact sheet.

    Args:
        run: the run folder.
        title: stands above, with what is held.
        view: what stands where.
        tiles: by column and row, from `views.gathered`.
        size: longer side of a picture in pixels.

    Raises:
        InputError: there is nothing to show, or it would take more than 200 pages.
    """
    if not tiles:
        raise InputError("sheet: no cell lies at the held points; name others with --at, `sweep plan` lists them")
    columns, rows = lane_extents(tiles, size)
    stub = _stub(view, rows)
    wrapped = _wrapped(view, columns)
    head = _head(view, wrapped)
    sheet = Sheet(run=run, title=title, view=view, tiles=tiles, stub=stub, head=head, wrapped=wrapped)
    widest = MOST_SIDE - 2 * MARGIN - stub
    across = in_blocks(columns, min(widest, max(size, MOST_PIXELS // (4 * size) - stub)), 0)
    tallest = (
        min(MOST_SIDE, MOST_PIXELS // (max(block.total for block in across) + 2 * MARGIN + stub)) - 2 * MARGIN - head
    )
    down = in_blocks(rows, max(size, tallest), line_height(LABEL) + GAP if "rows" in view.roles else 0)
    count = len(across) * len(down)
    if count > MOST_PAGES:
        raise InputError(
            f"sheet: {len(columns)} columns and {len(rows)} rows at {size} pixels take {count} pages, at most {MOST_PAGES} "
            "are made; choose a smaller --size, or fewer cells with --at"
        )
    pairs = [(block, other) for other in down for block in across]
    return [_page(sheet, block, other, number, count) for number, (block, other) in enumerate(pairs, 1)]


def _stub(view: View, rows: Mapping[Lane, int]) -> int:
    if "y" not in view.roles:
        return 0
    words = [*(view.label("y", inner) for _, inner in rows), view.roles["y"].title or view.roles["y"].name]
    widest = max(font.getlength(text) for text, font in (spelled(word, LABEL) for word in set(words)))
    return min(STUB[1], max(STUB[0], round(widest) + 12))


def _wrapped(view: View, columns: Mapping[Lane, int]) -> int:
    """Return how many lines the columns' labels take at most."""
    if "x" not in view.roles:
        return 0
    labels = {(view.label("x", inner), extent) for (_, inner), extent in columns.items()}
    return max(len(_label(label, extent)[0]) for label, extent in labels)


def _label(label: str, extent: int) -> tuple[tuple[str, ...], Font]:
    """Return the lines of a column's label, and their font."""
    text, font = spelled(label, LABEL)
    return lines(text, font, extent, LABEL_LINES if extent >= 3 * LABEL else 1), font


def _head(view: View, wrapped: int) -> int:
    """Return the height of title, what is held, axis names, the groups' labels and the columns' labels."""
    small = sum(("columns" in view.roles, not view.roles.keys().isdisjoint(("x", "columns")), bool(view.held)))
    return TITLE_LINES * line_height(TITLE) + (small + wrapped) * line_height(LABEL) + 2 * GAP


def _page(sheet: Sheet, across: Block, down: Block, number: int, count: int) -> Page:
    width = max(across.total + sheet.stub, 320) + 2 * MARGIN
    height = down.total + sheet.head + 2 * MARGIN

    def draw() -> Image.Image:
        image = Image.new("RGB", (width, height), PAPER)
        pen = ImageDraw.Draw(image)
        _draw_title(pen, sheet, width, f" ({number} of {count})" if count > 1 else "")
        _draw_columns(pen, sheet, across)
        _draw_rows(pen, sheet, down)
        for column, left, wide in zip(across.lanes, across.starts, across.extents, strict=True):
            for row, top, high in zip(down.lanes, down.starts, down.extents, strict=True):
                if (column, row) in sheet.tiles:
                    cell = drawn(sheet.run, sheet.tiles[column, row], (wide, high))
                    image.paste(cell, (MARGIN + sheet.stub + left, MARGIN + sheet.head + top))
        return image

    return Page(number=number, count=count, width=width, height=height, draw=draw)


def _draw_title(pen: ImageDraw.ImageDraw, sheet: Sheet, width: int, ending: str) -> None:
    room = width - 2 * MARGIN
    text, font = spelled(sheet.title + ending, TITLE)
    title = lines(text, font, room, TITLE_LINES)
    put(pen, title, font, (MARGIN, MARGIN), INK)
    if sheet.view.held:
        held, small = spelled(", ".join(f"{axis} {visible(label)}" for axis, label in sheet.view.held.items()), LABEL)
        put(pen, lines(held, small, room, 1), small, (MARGIN, MARGIN + len(title) * line_height(TITLE)), SOFT)


def _draw_columns(pen: ImageDraw.ImageDraw, sheet: Sheet, across: Block) -> None:
    view, left = sheet.view, MARGIN + sheet.stub
    bottom = MARGIN + sheet.head - GAP
    if "x" in view.roles:
        for (_, inner), start, extent in zip(across.lanes, across.starts, across.extents, strict=True):
            words, font = _label(view.label("x", inner), extent)
            top = bottom - len(words) * line_height(LABEL)
            put(pen, words, font, (left + start + extent / 2, top), INK, anchor="ma")
    above = bottom - sheet.wrapped * line_height(LABEL)
    if "columns" in view.roles:
        above -= line_height(LABEL)
        for first, end in groups(across):
            label = view.label("columns", across.lanes[first][0])
            room = across.starts[end] + across.extents[end] - across.starts[first]
            _one_line(pen, label, (left + across.starts[first], above), room, INK)
    names = [view.roles[role].title or view.roles[role].name for role in ("columns", "x") if role in view.roles]
    if names:
        _one_line(pen, " / ".join(names), (left, above - line_height(LABEL)), max(across.total, 120), SOFT)


def _draw_rows(pen: ImageDraw.ImageDraw, sheet: Sheet, down: Block) -> None:
    view, top = sheet.view, MARGIN + sheet.head
    if "rows" in view.roles:
        name = view.roles["rows"].title or view.roles["rows"].name
        for first, _ in groups(down):
            label = f"{name} {view.label('rows', down.lanes[first][0])}"
            at = top + down.starts[first] - line_height(LABEL) - GAP // 2
            _one_line(pen, label, (MARGIN, at), MOST_SIDE, INK)
    if "y" not in view.roles:
        return
    name = view.roles["y"].title or view.roles["y"].name
    _one_line(pen, name, (MARGIN, top - GAP - line_height(LABEL)), sheet.stub - 8, SOFT)
    for (_, inner), start, extent in zip(down.lanes, down.starts, down.extents, strict=True):
        text, font = spelled(view.label("y", inner), LABEL)
        words = lines(text, font, sheet.stub - 12, max(1, extent // line_height(LABEL)))
        put(pen, words, font, (MARGIN, top + start + (extent - len(words) * line_height(LABEL)) / 2), INK)


def _one_line(pen: ImageDraw.ImageDraw, label: str, at: tuple[float, float], room: int, fill: str) -> None:
    text, font = spelled(label, LABEL)
    put(pen, lines(text, font, room, 1), font, at, fill)
