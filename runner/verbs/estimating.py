"""What a plan would send, before anything is sent: how much, for how much, how long, and where a limit stops it."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from runner.folder import RunFolder
from runner.forecast import Forecast, Kind, duration, forecast, kind_of, measure
from runner.ledger import Gist
from runner.nouns import Cell, Order, Spent, State
from runner.plan import Plan
from runner.plan.switching import order_of
from runner.reuse import Places, Shelf, batches, present, unheard
from runner.verbs.choosing import Choice, begun, is_lacking, is_owed, places, state_of
from runner.verbs.standing import gists_of

MADE, ELSEWHERE = "made", "made elsewhere"


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What sending a plan into a run folder would mean.

    Attributes:
        excluded, invalid: combinations that are left out; None for a sample, which does not look at them.
        made: cells that the folder holds already; made_elsewhere: those that earlier runs do.
        requests, images: what is still to send.
        cost: of these, in the price's currency; None without a price.
        seconds: how long it would take; None when nobody knows. With a rate it takes that long at least.
        assumes: the same in words, with what it stands on.
        stops: which limit would stop it before its end, in words; empty when none would.
        sample: what a sample takes, in words; empty where all combinations are taken.
        order: in which order cells are sent.
    """

    combinations: int
    excluded: int | None
    invalid: int | None
    duplicates: int
    cells: int
    made: int
    made_elsewhere: int
    requests: int
    images: int
    cost: float | None
    seconds: float | None
    assumes: str
    stops: str
    sample: str
    order: Order


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bill:
    """What is to be sent: images by kind of request, and after how many requests each limit on images is reached."""

    requests: int
    images: Mapping[Kind, int]
    fits: Mapping[str, int]


def estimate(
    plan: Plan,
    run: str | Path,
    choice: Choice | None = None,
    note: Callable[[str], None] = unheard,
    among: Collection[str] | None = None,
) -> Estimate:
    """Return what sending a plan into a run folder would mean.

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
    shelf = Shelf(folder.path, places(choice), note)
    found: Counter[str] = Counter()
    spent = _spent(folder)
    bill = _bill(_sent(_among(plan.ordered(), among), gists, choice, shelf, found), plan, spent)
    time = _time(plan, bill, folder, choice)
    images = sum(bill.images.values())
    price = plan.experiment.price
    return Estimate(
        combinations=plan.survey.combinations,
        excluded=plan.survey.excluded,
        invalid=None if plan.chosen else sum(plan.survey.invalid.values()),
        duplicates=plan.survey.duplicates,
        cells=plan.survey.cells,
        made=found[MADE],
        made_elsewhere=found[ELSEWHERE],
        requests=bill.requests,
        images=images,
        cost=None if price is None else round(images * price, 6),
        seconds=time.seconds,
        assumes=time.words,
        stops=_stops(plan, bill, spent, time),
        sample=plan.drawn,
        order=order_of(plan.experiment),
    )


def _among(cells: Iterable[Cell], digests: Collection[str] | None) -> Iterable[Cell]:
    return cells if digests is None else (cell for cell in cells if cell.digest in digests)


def _sent(
    cells: Iterable[Cell], gists: Mapping[str, Gist], choice: Choice, shelf: Shelf, found: Counter[str]
) -> Iterator[Cell]:
    """Yield what is to be sent, and count what is made here and elsewhere: there by the names of the files alone."""
    for batch in batches(cells):
        missing = [cell for cell in batch if is_lacking(cell, gists, choice)]
        elsewhere = shelf.search(missing, present) if shelf else {}
        found[MADE] += sum(state_of(cell, gists) is State.MADE for cell in batch)
        found[ELSEWHERE] += len(elsewhere)
        yield from (cell for cell in batch if cell.digest not in elsewhere and is_owed(cell, gists, choice))


def _spent(folder: RunFolder) -> Spent:
    if not folder.begun:
        return Spent()
    with folder.reading() as ledger:
        return ledger.spent()


def _bill(cells: Iterable[Cell], plan: Plan, spent: Spent) -> _Bill:
    """Count requests and images, and how many requests fit under each limit on images."""
    ceilings = dict(_ceilings(plan, spent))
    fits: dict[str, int] = {}
    kinds: Counter[Kind] = Counter()
    requests = images = 0
    for cell in cells:
        wanted = int(cell.request.parameters.get("samples") or 1)
        images += wanted
        kinds[kind_of(cell.request)] += wanted
        for name, most in ceilings.items():
            if images > most:
                fits.setdefault(name, requests)
        requests += 1
    return _Bill(requests=requests, images=kinds, fits=fits)


def _ceilings(plan: Plan, spent: Spent) -> Iterator[tuple[str, int]]:
    """Yield the limits on images with how many each still allows."""
    limits, price = plan.experiment.limits, plan.experiment.price
    if limits.images is not None:
        yield f"limits.images {limits.images}", limits.images - spent.images
    if limits.cost is not None and price:
        allowed = int(Decimal(repr(limits.cost)) / Decimal(repr(price)))
        yield f"limits.cost {limits.cost:g}", allowed - spent.images


def _time(plan: Plan, bill: _Bill, folder: RunFolder, choice: Choice) -> Forecast:
    looked_at = Shelf(folder.path, Places(elsewhere=choice.earlier.elsewhere))
    known = measure((folder, *looked_at.runs), bill.images, plan)
    return forecast(plan, known, requests=bill.requests, images=bill.images)


def _stops(plan: Plan, bill: _Bill, spent: Spent, time: Forecast) -> str:
    """Say which limit stops the run first, if each request is made at first asking."""
    if not bill.requests:
        return ""
    limits, fits = plan.experiment.limits, dict(bill.fits)
    if limits.requests is not None and limits.requests - spent.requests < bill.requests:
        fits[f"limits.requests {limits.requests}"] = max(0, limits.requests - spent.requests)
    if limits.wall is not None and time.seconds is not None and time.seconds > limits.wall:
        fits[f"limits.wall {duration(limits.wall)}"] = int(bill.requests * limits.wall / time.seconds)
    if not fits:
        return ""
    name = min(fits, key=fits.__getitem__)
    about = "about " if name.startswith("limits.wall") else ""
    return f"{name} stops it after {about}{fits[name]} of {bill.requests} requests"
