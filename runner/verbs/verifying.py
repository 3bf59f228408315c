"""Whether the same request still gives the same picture: cells are made again, beside their run and not in it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from runner.canon import digest_bytes
from runner.errors import InputError
from runner.execute import Bench, Stop, execute
from runner.folder import RunFolder
from runner.ledger import PENDING, Standing
from runner.likeness import Compared, Likeness, compare
from runner.nouns import Cell, Limits, Picture, State
from runner.pace import Budget
from runner.plan import Plan
from runner.provenance import provenance
from runner.target import open_target
from runner.vault import image_path
from runner.verbs.standing import standings_of
from runner.verbs.sweeping import Surroundings, changed_models


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Cells of a run that can be made again.

    Attributes:
        cells: with the seed that they were made with.
        made: of the run's cells, those that are made.
        changed: models, of those asked for, that are others now.
        versions: packages that are others now: name, then and now.
    """

    plan: Plan
    cells: tuple[Cell, ...]
    made: int
    changed: frozenset[str]
    versions: Mapping[str, tuple[str, str]]

    @property
    def images(self) -> int:
        """Pictures that making the cells again asks for."""
        return sum(int(cell.request.parameters.get("samples") or 1) for cell in self.cells)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How a cell came out the second time.

    Attributes:
        found: for each picture how it compares with the first one; empty when `reason` says why there is nothing to compare.
        reason: why not, in words.
    """

    cell: Cell
    found: tuple[Compared, ...] = ()
    reason: str = ""

    @property
    def likeness(self) -> Likeness | None:
        """How alike the picture is that is least alike; None where nothing was compared."""
        order = list(Likeness)
        return max((one.likeness for one in self.found), key=order.index, default=None)

    @property
    def same(self) -> bool:
        """Whether every picture is the same, to the pixel at least."""
        return self.likeness in (Likeness.BYTES, Likeness.PIXELS)

    @property
    def words(self) -> str:
        """How it came out, for a reader."""
        if self.reason or self.likeness is not Likeness.OTHER:
            return self.reason or str(self.likeness)
        distances = [one.distance for one in self.found]
        if None in distances:
            return "another picture, of another size"
        return f"another picture, {max(filter(None, distances)):.2g} of 255 apart on average"


def sampled(run: str | Path, count: int | None = None) -> Sample:
    """Return which cells of a run to make again: all that are made, or so many evenly spread over the plan.

    A cell whose seed the server drew is asked for with that seed; where the server never said it, there is nothing to ask.

    Raises:
        InputError: no cell of the run can be made again.
        RunFolderError: there is no run, or it cannot be read.
    """
    folder = RunFolder(Path(run))
    plan, standings = folder.plan(), standings_of(folder)
    again = [cell for cell in plan.cells() if standings.get(cell.digest, PENDING).state is State.MADE]
    seeded = [found for cell in again if (found := _seeded(cell, standings[cell.digest]))]
    if not seeded:
        raise InputError(
            f"{run}: no cell with a known seed is made; cells that are made can be made again: sweep it first"
        )
    chosen = seeded if count is None else [seeded[place] for place in _spread(len(seeded), count)]
    then = folder.manifest().get("versions", {})
    now = provenance(plan.provider, started=0.0)["versions"]
    versions = {name: (then.get(name, "none"), now.get(name, "none")) for name in sorted({*then, *now})}
    return Sample(
        plan=plan,
        cells=tuple(chosen),
        made=len(again),
        changed=frozenset(changed_models(plan)),
        versions={name: pair for name, pair in versions.items() if pair[0] != pair[1]},
    )


async def verify(run: str | Path, sample: Sample, surroundings: Surroundings | None = None) -> list[Verdict]:
    """Make cells of a run again and compare the pictures. The run folder is read alone; what is made is thrown away.

    Where the run is stopped the verdicts so far are returned.

    Args:
        run: the run folder.
        sample: from `sampled`.
        surroundings: as for `sweep`.

    Raises:
        TargetError: the target cannot be opened.
    """
    folder, around = RunFolder(Path(run)), surroundings or Surroundings()
    experiment = sample.plan.experiment
    before = standings_of(folder)
    with TemporaryDirectory(prefix="sweep-verify-") as scratch:
        again = RunFolder(Path(scratch))
        with again.writing() as ledger:
            async with open_target(
                experiment.target, load=folder.vault.load_input, environ=around.environ, clock=around.clock
            ) as target:
                bench = Bench(
                    client=target.client,
                    ledger=ledger,
                    vault=again.vault,
                    budget=Budget(Limits(), price=experiment.price, started=around.clock.elapsed()),
                    in_process=not experiment.target.hosted,
                    clock=around.clock,
                    watch=around.watch,
                )
                await execute(iter(sample.cells), bench, experiment.execution, around.stop)
            after = ledger.standings()
        return [
            _verdict(cell, folder, before[cell.digest], again, after[cell.digest])
            for cell in sample.cells
            if cell.digest in after
        ]


def _seeded(cell: Cell, standing: Standing) -> Cell | None:
    """Return a cell with the seed that it was made with, None where nobody knows it."""
    parameters = cell.request.parameters
    if parameters.get("seed") is not None:
        return cell
    if standing.seed is None:
        return None
    request = replace(cell.request, parameters={**parameters, "seed": standing.seed})
    return replace(cell, request=request)


def _spread(count: int, wanted: int) -> Iterator[int]:
    """Yield so many places of `count`, evenly spread from the first on."""
    wanted = min(count, wanted)
    yield from (place * count // wanted for place in range(wanted))


def _verdict(cell: Cell, folder: RunFolder, before: Standing, again: RunFolder, after: Standing) -> Verdict:
    if after.state is not State.MADE:
        return Verdict(cell=cell, reason=f"not made again: {after.reason}")
    if len(before.pictures) != len(after.pictures):
        return Verdict(cell=cell, reason=f"{len(after.pictures)} pictures came, {len(before.pictures)} were there")
    if not all(_whole(folder, picture) for picture in before.pictures):
        return Verdict(cell=cell, reason="the run's own picture is damaged or missing")
    pairs = zip(before.pictures, after.pictures, strict=True)
    found = tuple(
        compare(_file(folder, first).read_bytes(), _file(again, second).read_bytes()) for first, second in pairs
    )
    return Verdict(cell=cell, found=found)


def _whole(folder: RunFolder, picture: Picture) -> bool:
    try:
        return digest_bytes(_file(folder, picture).read_bytes()) == picture.sha256
    except OSError:
        return False


def _file(folder: RunFolder, picture: Picture) -> Path:
    return folder.path / image_path(picture.sha256, picture.format)


def stopped(sample: Sample, verdicts: Sequence[Verdict], stop: Stop) -> str:
    """Return why cells of a sample have no verdict, in words; empty when all have one."""
    left = len(sample.cells) - len(verdicts)
    return f"{left} of {len(sample.cells)} were not made again: {stop.reason}" if left else ""
