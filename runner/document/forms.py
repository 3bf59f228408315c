"""The forms of an axis: a list, or a mapping that makes points."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Literal, TypeVar, cast

from runner.canon import number
from runner.document.complaints import AlreadyTold, Mistake, as_mistake
from runner.document.points import Draft, PointReader, lora_name, text_of
from runner.document.ranges import MOST_POINTS, spread, stepped
from runner.document.seeds import drawn_seeds
from runner.document.tables import Row, read_lines, read_rows
from runner.document.tree import Fields, Items, Node, Scalar, Spot
from runner.nouns import Point

SHOWN_OF_A_FILE = 10
"""Complaints about the values of one data file before the rest is only counted."""

LABEL = "label"
"""The column of a CSV that names its points."""

Drafts = list[Draft | None]
"""Points in order; None stands for one that a complaint is about."""

Given = TypeVar("Given")


def drafts(node: Node, reader: PointReader) -> Drafts:
    """Return the points that an axis says.

    Raises:
        Mistake, AlreadyTold: it says none.
    """
    match node:
        case Items():
            return _each(node.items, reader.read, reader)
        case Fields():
            form = next((form for key, form in FORMS.items() if key in node.fields), _range)
            return form(node, reader)
        case _:
            raise AlreadyTold


def _each(given: Iterable[Given], read: Callable[[Given], Draft], reader: PointReader) -> Drafts:
    found: Drafts = []
    for one in given:
        found.append(None)
        with reader.complaints.collecting():
            found[-1] = read(one)
    return found


def _values(node: Fields, reader: PointReader) -> Drafts:
    return drafts(node.fields["values"], reader)


def _drawn(node: Fields, reader: PointReader) -> Drafts:
    _check_seed("draw", node, reader)
    many, start = _integer(node, "draw"), _integer(node, "from")
    return [reader.number(seed, node.spot) for seed in drawn_seeds(start, many)]


def _random(node: Fields, reader: PointReader) -> Drafts:
    _check_seed("random", node, reader)
    reader.names.add("seed")
    many = _integer(node, "random")
    return [Draft(Point(label=f"random {place}", set={"seed": None}), node.spot) for place in range(1, many + 1)]


def _check_seed(form: str, node: Fields, reader: PointReader) -> None:
    if reader.own != "seed":
        raise Mistake(
            node.keys[form],
            f"{form} makes seeds, and belongs to an axis named seed; write a list, or from, to and step",
        )


def _lora(node: Fields, reader: PointReader) -> Drafts:
    name, strengths = lora_name(node.fields["lora"]), node.fields["strength"]

    def point(value: float, spot: Spot) -> Draft:
        return Draft(reader.lora(name, number(value), spot), spot)

    match strengths:
        case Items():
            return _each(strengths.items, lambda item: point(*_number(item)), reader)
        case Fields():
            return _ranged(strengths, point, reader)
        case _:
            raise AlreadyTold


def _range(node: Fields, reader: PointReader) -> Drafts:
    return _ranged(node, reader.number, reader)


def _ranged(node: Fields, point: Callable[[float, Spot], Draft], reader: PointReader) -> Drafts:
    numbers = list(_numbers(node))
    wrong: dict[int, Mistake] = {}
    found: Drafts = []
    for place, value in enumerate(numbers):
        found.append(None)
        try:
            found[-1] = point(value, node.spot)
        except Mistake as mistake:
            wrong[place] = mistake
    for blamed in _blamed(node, numbers, wrong):
        reader.complaints.add(blamed.spot, str(blamed))
    return found


def _blamed(node: Fields, numbers: list[int | float], wrong: dict[int, Mistake]) -> Iterator[Mistake]:
    """Yield what is wrong with a range: its ends where they are out of bounds, else its first value that does not fit."""
    last = len(numbers) - 1
    blamed = False
    for key, place in (("from", 0), ("to", last)):
        spot = node.fields[key].spot
        if place in wrong and _number(node.fields[key])[0] == numbers[place] and not (blamed and last == 0):
            blamed = True
            yield Mistake(spot, str(wrong[place]))
    if wrong and not blamed:
        yield Mistake(node.spot, f"the range meets a value that does not fit: {wrong[min(wrong)]}")


def _numbers(node: Fields) -> Iterable[int | float]:
    start, end = _decimal(node, "from"), _decimal(node, "to")
    if "step" in node.fields:
        step = _decimal(node, "step")
        with as_mistake(node.fields["step"].spot):
            return stepped(start, end, step)
    scale = cast("Literal['linear', 'log']", text_of(node.fields.get("scale")) or "linear")
    with as_mistake(node.spot):
        return spread(start, end, _integer(node, "count", most=None), scale)


def _file(node: Fields, reader: PointReader) -> Drafts:
    spot = node.fields["file"].spot
    path = spot.source.folder / text_of(node.fields["file"])
    if path.suffix.lower() == ".csv":
        return _table(path, spot, reader)
    reader.own_kind()
    rows = [Row(place, {reader.own: text}) for place, text in read_lines(path, spot)]
    return _rows(rows, reader)


def _table(path: Path, spot: Spot, reader: PointReader) -> Drafts:
    header, rows = read_rows(path, spot)
    columns = [name for name in header.cells if name != LABEL]
    reader.names.update(columns)
    unknown = [name for name in columns if reader.values.kind(name) is None]
    for name in unknown:
        reader.complaints.add(_on_axis(reader, header.spot, name), reader.values.unused(name))
    if not columns:
        raise Mistake(header.spot, "the table has labels and nothing to set; add a column named for a parameter")
    return _rows([Row(row.spot, _without(row.cells, unknown)) for row in rows], reader)


def _on_axis(reader: PointReader, spot: Spot, *inside: object) -> Spot:
    """Return a place in a data file with the path of the point that it makes."""
    return replace(spot, path=reader.axis.path).inside(*inside)


def _without(cells: dict[str, str], names: list[str]) -> dict[str, str]:
    return {name: text for name, text in cells.items() if name not in names}


def _rows(rows: Iterable[Row], reader: PointReader) -> Drafts:
    found: Drafts = []
    untold, place = 0, reader.axis
    for index, row in enumerate(rows):
        found.append(None)
        try:
            found[-1] = _of_row(Row(_on_axis(reader, row.spot, index), row.cells), reader)
        except Mistake as mistake:
            if found.count(None) <= SHOWN_OF_A_FILE:
                reader.complaints.add(mistake.spot, str(mistake))
            else:
                untold, place = untold + 1, mistake.spot
    if untold:
        reader.complaints.add(place, f"{untold:,} more values of this file do not fit")
    return found


def _of_row(row: Row, reader: PointReader) -> Draft:
    alone = len(row.cells) == 1
    texts = {
        name: (text, row.spot if alone else row.spot.inside(name)) for name, text in row.cells.items() if name != LABEL
    }
    return reader.row(texts, row.spot, " ".join(row.cells.get(LABEL, "").split()))


def _number(node: Node) -> tuple[int | float, Spot]:
    if not isinstance(node, Scalar) or not isinstance(node.value, int | float):
        raise AlreadyTold
    return number(node.value), node.spot


def _decimal(node: Fields, key: str) -> Decimal:
    found = node.fields[key]
    if not isinstance(found, Scalar):
        raise AlreadyTold
    return Decimal(found.text)


def _integer(node: Fields, key: str, *, most: int | None = MOST_POINTS) -> int:
    value, spot = _number(node.fields[key])
    if most is not None and key != "from" and value > most:
        raise Mistake(spot, f"{value:,} is more than the {most:,} points that an axis may have; write a smaller number")
    return int(value)


FORMS: dict[str, Callable[[Fields, PointReader], Drafts]] = {
    "draw": _drawn,
    "random": _random,
    "lora": _lora,
    "file": _file,
    "values": _values,
}
"""The form of a mapping by the key that tells it, the first that is there; a range has none of them."""
