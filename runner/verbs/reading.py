"""What a run folder holds: counts, table, page. What needs pandas is imported where it is used."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from runner.ballots import load as load_ratings
from runner.errors import InputError, RunFolderError
from runner.files import write_whole
from runner.folder import RunFolder
from runner.ledger import Gist
from runner.notebook import Grid
from runner.notebook import grid as make_grid
from runner.nouns import Rule, State
from runner.plan import Placement, Plan
from runner.ratings import Ratings, scores
from runner.verbs.choosing import chosen
from runner.verbs.measuring import MEASURED_UNASKED, measure, numbers_of
from runner.verbs.standing import gists_of, standings_of

if TYPE_CHECKING:
    import pandas as pd


def count(run: str | Path) -> dict[str, int]:
    """Return how a run's cells stand now: planned, made, reused, refused, failed, unknown, pending, images."""
    folder = RunFolder(Path(run))
    return tally((digest for _, digest in folder.plan().digests()), gists_of(folder))


def maybe_paid(run: str | Path, states: Collection[State]) -> int:
    """Return how many of a run's cells in some states may have been made and paid for already.

    Those are the unknown ones, and at a hosted target the failed ones whose request was not refused: it was made, and its
    pictures did not arrive whole.
    """
    folder = RunFolder(Path(run))
    plan, gists = folder.plan(), gists_of(folder)
    doubtful = {State.UNKNOWN, State.FAILED} if plan.experiment.target.hosted else {State.UNKNOWN}
    found = (gists[digest] for _, digest in plan.digests() if digest in gists)
    return sum(gist.state in doubtful.intersection(states) and not gist.owed for gist in found)


def tally(digests: Iterable[str], gists: Mapping[str, Gist]) -> dict[str, int]:
    """Return how many of some cells stand in each state, how many of those made were reused, and how many images."""
    stood: Counter[Gist | None] = Counter(map(gists.get, digests))
    found = {gist: count for gist, count in stood.items() if gist}
    states = Counter({State.PENDING: stood[None]})
    for gist, count in found.items():
        states[gist.state] += count
    return {
        "planned": stood.total(),
        **{state.value: states[state] for state in State},
        "reused": sum(count for gist, count in found.items() if gist.reused),
        "images": sum(count * gist.images for gist, count in found.items()),
    }


def owing(digests: Iterable[str], gists: Mapping[str, Gist]) -> int:
    """Return how many of some cells running again would send."""
    return sum(gist is None or gist.owed for gist in map(gists.get, digests))


def load(run: str | Path) -> "pd.DataFrame":
    """Return a run as a tidy DataFrame, one row an image at one place of the grid (see `runner.table.frame`).

    It has what was measured of the pictures; `measure` measures what is missing, as the end of a run does.
    """
    from runner import table

    folder = RunFolder(Path(run))
    plan, standings = folder.plan(), standings_of(folder)
    with numbers_of(folder, plan, standings) as numbers:
        return table.frame(plan, standings, scores=scores(ratings_of(folder, plan)), numbers=numbers)


def grid(run: str | Path, x: str = "", y: str = "", at: Mapping[str, str] | None = None) -> Grid:
    """Return some pictures of a run, which a notebook shows as a table of thumbnails.

    Args:
        run: the run folder.
        x: the axis along the columns; without it and `y`, those of the file's `report`.
        y: the axis along the rows.
        at: points of the other axes, by label; else the baseline's, else the first.

    Raises:
        InputError: an axis or a point is not the run's.
    """
    folder = RunFolder(Path(run))
    plan = folder.plan()
    layout = plan.experiment.report
    roles = (x, y) if x or y else (layout.x, layout.y)
    return make_grid(folder.path, plan, standings_of(folder), roles, at or {})


def summarise(run: str | Path, by: Sequence[str]) -> "pd.DataFrame":
    """Return what became of a run's cells for each value of some columns (see `runner.table.summary`).

    Raises:
        InputError: a column is not in the table.
    """
    from runner import table

    try:
        return table.summary(load(run), by)
    except KeyError as error:
        raise InputError(f"--by: {error.args[0]}") from error


def exported(run: str | Path, form: Literal["csv", "jsonl", "md", "parquet"], only: Rule | None = None) -> bytes:
    """Return a run's table as CSV (texts that a spreadsheet would take for formulas are quoted), JSONL, Markdown or Parquet.

    Args:
        run: the run folder.
        form: which of them.
        only: a rule over axes and parameters that the cells meet; all cells without it.

    Raises:
        InputError: Parquet is asked for and pyarrow is not installed.
    """
    from runner import table

    folder = RunFolder(Path(run))
    plan, standings = folder.plan(), standings_of(folder)
    judged = scores(ratings_of(folder, plan))
    with numbers_of(folder, plan, standings) as numbers:
        found = table.frame(plan, standings, _placements(plan, only), judged, numbers)
    match form:
        case "csv":
            return table.spreadsheet_safe(found).to_csv(index=False).encode()
        case "jsonl":
            return found.to_json(orient="records", lines=True, force_ascii=False).encode()
        case "md":
            return table.markdown(found, [axis.name for axis in plan.axes]).encode()
        case "parquet":
            try:
                return found.to_parquet(index=False)
            except ImportError as error:
                raise InputError(
                    'export: parquet needs pyarrow; install it: pip install "sweeprunner[parquet]"'
                ) from error


def bundled(run: str | Path, out: str | Path, only: Rule | None = None) -> int:
    """Write a run's pictures and its table as one ZIP (see `runner.bundle`); return how many pictures.

    Args:
        run: the run folder.
        out: the file, written whole or not at all.
        only: a rule over axes and parameters that the cells meet; all cells without it.

    Raises:
        RunFolderError: a picture of the run is missing.
    """
    from runner.bundle import bundle

    folder, out = RunFolder(Path(run)), Path(out)
    plan, standings = folder.plan(), standings_of(folder)
    beside = {"table.csv": exported(run, "csv", only), "experiment.yaml": plan.experiment.source.encode()}
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(f".{out.name}.part")
    try:
        with part.open("wb") as file, _every_picture(run):
            count = bundle(folder.path, file, _placements(plan, only), standings, beside)
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
    return count


@contextmanager
def _every_picture(run: str | Path) -> Iterator[None]:
    """Say of a picture that is missing what tells of all that are. Raises RunFolderError."""
    try:
        yield
    except FileNotFoundError as error:
        raise RunFolderError(
            f"{error.filename}: no such file; `sweep rescue {run}` says which pictures are missing"
        ) from error


def _placements(plan: Plan, only: Rule | None) -> Iterator[Placement]:
    return (place for place in plan.placements() if chosen(place, only or {}))


def axes_of(run: str | Path) -> tuple[str, ...]:
    """Return the names of a run's axes, in the order of the file."""
    return tuple(axis.name for axis in RunFolder(Path(run)).plan().axes)


def render(run: str | Path, *, measuring: bool = True) -> Path:
    """Write a run's table (results.csv) and page (report/index.html); return the page's path.

    Args:
        run: the run folder.
        measuring: measure first what is missing of the pictures.
    """
    from runner import report, table
    from runner.book import book

    folder = RunFolder(Path(run))
    if measuring:
        measure(run, most=MEASURED_UNASKED)
    plan, standings = folder.plan(), standings_of(folder)
    ratings = ratings_of(folder, plan)
    with numbers_of(folder, plan, standings) as numbers:
        folder.write("results.csv", table.spreadsheet(plan, standings, scores(ratings), numbers))
        return report.write(book(plan, standings, folder.manifest(), ratings, numbers), folder.report.parent)


def render_single(run: str | Path, out: str | Path) -> Path:
    """Write a run's page as one file with its pictures inside; return its path.

    Args:
        run: the run folder.
        out: the file, written whole or not at all.

    Raises:
        InputError: the pictures are more than one file should hold.
        RunFolderError: a picture of the run is missing.
    """
    from runner import report
    from runner.book import book

    folder, out = RunFolder(Path(run)), Path(out)
    measure(run, most=MEASURED_UNASKED)
    plan, standings = folder.plan(), standings_of(folder)
    with numbers_of(folder, plan, standings) as numbers, _every_picture(run):
        shown = book(plan, standings, folder.manifest(), ratings_of(folder, plan), numbers)
        text = report.render_single(shown, folder.path)
    write_whole(out, text.encode("utf-8", "replace"))
    return out


def ratings_of(folder: RunFolder, plan: Plan) -> Ratings:
    """Return what was imported into a run and is about cells that its plan still has."""
    path = folder.ratings_path
    if not path.is_file():
        return Ratings(plan=plan.digest)
    return replace(load_ratings(path, "", (digest for _, digest in plan.digests())), plan=plan.digest)


def drawn(run: str | Path, live: str) -> str:
    """Return a run's page as it stands now, which follows the run by an address on its own server (see `runner.live`)."""
    from runner import report
    from runner.book import book

    folder = RunFolder(Path(run))
    plan = folder.plan()
    return report.render(book(plan, standings_of(folder), folder.manifest(), ratings_of(folder, plan)), live)
