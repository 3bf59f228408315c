"""What a plan would send, before anything is sent."""

from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path

from runner.folder import RunFolder
from runner.ledger import Gist
from runner.nouns import Cell, State
from runner.plan import Plan
from runner.reuse import Shelf, batches, present, unheard
from runner.verbs.choosing import Choice, begun, lacking, owed, places, state_of
from runner.verbs.reading import gists_of


def estimate(
    plan: Plan,
    run: str | Path,
    choice: Choice | None = None,
    note: Callable[[str], None] = unheard,
    among: Collection[str] | None = None,
) -> dict[str, int | float | None]:
    """Return what sending a plan into a run folder would mean: counts, and cost in the price's currency.

    `requests` and `images` are what is still to send; `made` what the folder holds already, `made_elsewhere` what
    earlier runs do. `cost` is None without a price, `seconds` None without a rate: the least time that the rate allows.
    `excluded` and `invalid` are None for a sample, which does not look at what it leaves out.

    Args:
        plan: from `prepare`.
        run: the run folder, which need not be there.
        choice: which cells, and where earlier runs are.
        note: is told a line of each earlier run that cannot be read.
        among: digests; None for all of the plan's cells.

    Raises:
        InputError: a place where earlier runs should lie holds none.
    """
    choice, folder = choice or Choice(), RunFolder(Path(run))
    plan, gists = begun(plan, folder), gists_of(folder)
    shelf = Shelf(Path(run), places(choice), note)
    elsewhere = _elsewhere(_among(lacking(plan, gists, choice), among), shelf) if shelf else set()
    requests = images = 0
    for cell in _among(owed(plan, gists, choice), among):
        if cell.digest not in elsewhere:
            requests += 1
            images += int(cell.request.parameters.get("samples") or 1)
    price, rate = plan.experiment.price, plan.experiment.execution.rate
    return {
        "combinations": plan.survey.combinations,
        "excluded": plan.survey.excluded,
        "invalid": None if plan.chosen else sum(plan.survey.invalid.values()),
        "duplicates": plan.survey.duplicates,
        "cells": plan.survey.cells,
        "made": _made(plan, gists),
        "made_elsewhere": len(elsewhere),
        "requests": requests,
        "images": images,
        "cost": None if price is None else round(images * price, 6),
        "seconds": None if rate is None else requests / rate,
    }


def _among(cells: Iterable[Cell], digests: Collection[str] | None) -> Iterable[Cell]:
    return cells if digests is None else (cell for cell in cells if cell.digest in digests)


def _made(plan: Plan, gists: Mapping[str, Gist]) -> int:
    return sum(state_of(cell, gists) is State.MADE for cell in plan.cells()) if gists else 0


def _elsewhere(cells: Iterable[Cell], shelf: Shelf) -> set[str]:
    """Return the digests of the cells that earlier runs have made, by the names of their files alone."""
    return {digest for batch in batches(cells) for digest in shelf.search(batch, present)}
