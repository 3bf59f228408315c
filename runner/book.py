"""A run becomes a Book: everything that its page shows, in the page's own nouns."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from runner import table
from runner.flags import flags
from runner.folder import partial
from runner.ledger import PENDING, Standing
from runner.measures import Findings, Measured
from runner.nouns import Axis, Picture
from runner.plan import Placement, Plan
from runner.ratings import Ratings, scores
from runner.report import Book, Share, Tile
from runner.table.findings import findings
from runner.table.placed import judged, placed


def _unmeasured(_placement: Placement, _position: int, _picture: Picture) -> Measured:
    return {}


def book(
    plan: Plan,
    standings: Mapping[str, Standing],
    manifest: Mapping[str, Any],
    ratings: Ratings | None = None,
    numbers: table.Numbers = _unmeasured,
) -> Book:
    """Return what the page of a run shows.

    Args:
        plan: the run's frozen plan.
        standings: how each tried cell stands, by digest.
        manifest: versions and times, as `runner.folder` keeps them.
        ratings: what people said of its cells so far.
        numbers: what is measured of each picture.
    """
    experiment, shares = plan.experiment, _shares(plan, standings)
    numbers = judged(numbers, scores(ratings)) if ratings else numbers
    return Book(
        name=experiment.name,
        title=experiment.title or experiment.name,
        description=experiment.description,
        target=experiment.target.name,
        key_variable=_variable(experiment.target.key),
        endpoint=experiment.endpoint,
        axes=_axes(plan),
        layout=experiment.report,
        tiles=(tile(placement, standings.get(placement.digest, PENDING), numbers) for placement in plan.placements()),
        shares=shares,
        columns=table.columns(plan),
        plan=plan.digest,
        ratings=ratings or Ratings(plan=plan.digest),
        findings=_findings(plan, standings, numbers),
        notes=_notes(plan, standings, manifest),
        facts=_facts(plan, manifest),
    )


def _variable(reference: str) -> str:
    """Return the name in a reference such as `${env:MODELSLAB_API_KEY}`."""
    return reference.removeprefix("${env:").removesuffix("}")


def _axes(plan: Plan) -> tuple[Axis, ...]:
    """Return a plan's axes; for a sample with the values alone that it took, of thousands that it may have left."""
    if plan.chosen is None:
        return plan.axes
    took = plan.survey.values
    shown = (tuple(point for point in axis.points if point.label in took[axis.name]) for axis in plan.axes)
    return tuple(replace(axis, points=points or axis.points) for axis, points in zip(plan.axes, shown, strict=True))


def _findings(plan: Plan, standings: Mapping[str, Standing], numbers: table.Numbers) -> Findings:
    axes = {axis.name: table.column_of(axis.name) for axis in plan.axes}
    return findings(placed(plan, standings, numbers), axes, plan.experiment.report.baseline)


def tile(placement: Placement, standing: Standing, numbers: table.Numbers = _unmeasured) -> Tile:
    """Return what the page shows of one place of the grid."""
    return Tile(
        coordinates=placement.coordinates,
        digest=placement.digest,
        state=standing.state,
        reason=standing.reason,
        attempts=standing.attempts,
        reused_from=standing.reused_from,
        seconds=standing.seconds,
        seed=standing.seed,
        request=placement.request,
        meta=standing.answer,
        pictures=standing.pictures,
        flags=tuple(dict.fromkeys(_flags(placement, standing))),
        numbers=tuple(numbers(placement, position, picture) for position, picture in enumerate(standing.pictures)),
    )


def _flags(placement: Placement, standing: Standing) -> Iterator[str]:
    for picture in standing.pictures:
        yield from flags(placement.request, standing.answer, picture)


def _shares(plan: Plan, standings: Mapping[str, Standing]) -> list[Share]:
    rows = table.shares(plan, standings).to_dict("records")
    return [Share(**{**row, "p50": _known(row["p50"]), "p95": _known(row["p95"])}) for row in rows]  # type: ignore[arg-type]  # pandas names columns by Hashable


def _known(value: float) -> float | None:
    return None if value != value else float(value)  # noqa: PLR0124  # NaN is the number that differs from itself


def _notes(plan: Plan, standings: Mapping[str, Standing], manifest: Mapping[str, Any]) -> list[str]:
    """Say loudly what the pictures alone do not show: a run that stopped early, and what was left out."""
    notes = []
    owed = sum(standings.get(cell.digest, PENDING).owed for cell in plan.cells())
    if owed:
        notes.append(partial(manifest, owed=owed, cells=plan.survey.cells))
    if plan.drawn:
        notes.append(f"The cells are a sample: {plan.drawn}.")
    if plan.survey.excluded:
        notes.append(f"{plan.survey.excluded} combinations are left out by the rules of the file.")
    notes += [f"{count} combinations are left out: {reason}" for reason, count in plan.survey.invalid.items()]
    if plan.survey.duplicates:
        notes.append(f"{plan.survey.duplicates} places show a picture that stands elsewhere too: the same request.")
    return notes


def _facts(plan: Plan, manifest: Mapping[str, Any]) -> dict[str, str]:
    versions = manifest.get("versions", {})
    git = manifest.get("git") or {}
    facts = {
        "plan": plan.digest,
        "started": manifest.get("started", ""),
        "ended": manifest.get("ended", ""),
        "models": ", ".join(f"{name} {digest[:12]}" for name, digest in plan.provider.models.items()),
        "versions": ", ".join(f"{name} {found}" for name, found in versions.items()),
        "commit": f"{git['commit'][:12]}{' with local changes' if git['dirty'] else ''}" if git else "",
    }
    return {name: value for name, value in facts.items() if value}
