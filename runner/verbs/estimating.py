"""What a plan would send, before anything is sent."""

from collections.abc import Callable, Mapping
from pathlib import Path

from runner.folder import RunFolder
from runner.ledger import PENDING, Standing
from runner.nouns import State
from runner.plan import Plan
from runner.reuse import Shelf, batches, present, unheard
from runner.verbs.choosing import Choice, lacking, owed, places
from runner.verbs.reading import standings_of


def estimate(
    plan: Plan, run: str | Path, choice: Choice | None = None, note: Callable[[str], None] = unheard
) -> dict[str, int | float | None]:
    """Return what sending a plan into a run folder would mean: counts, and cost in the price's currency.

    `requests` and `images` are what is still to send; `made` what the folder holds already, `made_elsewhere` what
    earlier runs do. `cost` is None without a price, `seconds` None without a rate: the least time that the rate allows.

    Raises:
        InputError: a place where earlier runs should lie holds none.
    """
    choice, standings = choice or Choice(), standings_of(RunFolder(Path(run)))
    elsewhere = _elsewhere(plan, standings, choice, Shelf(Path(run), places(choice), note))
    missing = [cell for cell in owed(plan, standings, choice) if cell.digest not in elsewhere]
    images = sum(int(cell.request.parameters.get("samples") or 1) for cell in missing)
    price, rate = plan.experiment.price, plan.experiment.execution.rate
    return {
        "combinations": plan.survey.combinations,
        "excluded": plan.survey.excluded,
        "invalid": sum(plan.survey.invalid.values()),
        "duplicates": plan.survey.duplicates,
        "cells": plan.survey.cells,
        "made": sum(standings.get(cell.digest, PENDING).state is State.MADE for cell in plan.cells()),
        "made_elsewhere": len(elsewhere),
        "requests": len(missing),
        "images": images,
        "cost": None if price is None else round(images * price, 6),
        "seconds": None if rate is None else len(missing) / rate,
    }


def _elsewhere(plan: Plan, standings: Mapping[str, Standing], choice: Choice, shelf: Shelf) -> set[str]:
    """Return the digests of the cells that earlier runs have made, by the names of their files alone."""
    if not shelf:
        return set()
    return {digest for batch in batches(lacking(plan, standings, choice)) for digest in shelf.search(batch, present)}
