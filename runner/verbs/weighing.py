"""What the axes of a run do to its numbers. What needs pandas is imported where it is used."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from runner.errors import InputError
from runner.folder import RunFolder
from runner.ratings import scores
from runner.verbs.measuring import numbers_of
from runner.verbs.reading import ratings_of
from runner.verbs.standing import standings_of

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A run's pictures at their places.

    Attributes:
        table: see `runner.table.placed`.
        axes: its columns that are axes.
        baseline: the point that `report.baseline` names, by those columns.
    """

    table: "pd.DataFrame"
    axes: tuple[str, ...]
    baseline: Mapping[str, str]


def placed(run: str | Path) -> Placed:
    """Return a run's pictures with their numbers, one row a picture at one place of the grid."""
    from runner.table import column_of
    from runner.table import placed as placing

    folder = RunFolder(Path(run))
    plan, standings = folder.plan(), standings_of(folder)
    with numbers_of(folder, plan, standings) as numbers:
        said = placing.judged(numbers, scores(ratings_of(folder, plan)))
        table = placing.placed(plan, standings, said)
    baseline = {column_of(name): label for name, label in plan.experiment.report.baseline.items()}
    return Placed(table=table, axes=tuple(column_of(axis.name) for axis in plan.axes), baseline=baseline)


def effects(run: str | Path, of: str | Sequence[str] = ()) -> "pd.DataFrame":
    """Return what each point of each axis does to some columns, by default to all that were measured.

    See `runner.table.effects.effects`: the mean of paired differences to the axis's baseline point, with its 95 % interval.

    Raises:
        InputError: a column is not in the table, or holds no numbers.
    """
    from runner.table.effects import effects as found

    here = placed(run)
    with _naming("--of"):
        return found(here.table, here.axes, numeric(here, of), here.baseline)


def interaction(run: str | Path, one: str, other: str, of: str) -> "pd.DataFrame":
    """Return how much the effect of one axis on a column depends on the point of another.

    Raises:
        InputError: a column is not in the table.
    """
    from runner.table.effects import interaction as found

    here = placed(run)
    with _naming("interaction"):
        return found(here.table, here.axes, (one, other), of, here.baseline)


def pivot(run: str | Path, rows: str, columns: str, of: str) -> "pd.DataFrame":
    """Return the mean of a column for each point of one axis (rows) by each of another (columns).

    Raises:
        InputError: a column is not in the table.
    """
    from runner.table.effects import pivot as found

    with _naming("pivot"):
        return found(placed(run).table, rows, columns, of)


def changes(run: str | Path) -> "pd.DataFrame":
    """Return for each axis of a run whether it changes anything (see `runner.table.effects.changes`)."""
    from runner.table import effects as arithmetic

    here = placed(run)
    found = arithmetic.effects(here.table, here.axes, arithmetic.LOOKS, here.baseline)
    return arithmetic.changes(here.table, here.axes, found, here.baseline)


def identical(run: str | Path) -> "pd.DataFrame":
    """Return the pictures that several cells of a run share, byte for byte, though they ask for different things."""
    from runner.table.effects import twins

    return twins(placed(run).table)


def numeric(here: Placed, of: str | Sequence[str]) -> list[str]:
    """Return the columns that are meant: those named, else all that have a number.

    Raises:
        InputError: one holds no numbers.
    """
    kept = [
        str(name) for name in here.table.columns if name not in here.axes and name not in ("cell", "sample", "sha256")
    ]
    names = [of] if isinstance(of, str) else list(of)
    for name in names:
        if name in here.table.columns and name not in kept:
            raise InputError(f"--of: {name!r} holds no numbers; use one of {', '.join(kept)}")
    return names or [name for name in kept if here.table[name].notna().any()]


@contextmanager
def _naming(flag: str) -> Iterator[None]:
    try:
        yield
    except KeyError as error:
        raise InputError(f"{flag}: {error.args[0]}") from error
