"""What is missing is measured, on several cores, and kept as it comes: stopped at any moment, the next time goes on."""

import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from pathlib import Path

from runner.errors import ImageError
from runner.ledger import PENDING, Standing
from runner.measures import Measured
from runner.metrics.apart import apart, structural
from runner.metrics.baselines import Baselines
from runner.metrics.looks import Pixels, looks, pixels
from runner.metrics.shelf import Shelf
from runner.nouns import Picture
from runner.plan import Plan
from runner.vault import image_path

MOST_WORKERS = 4
"""Pictures that are decoded at once, on as many cores; each takes some 0.4 GB at the most, 30 MB at 512×512."""

AT_ONCE = 32
"""Pictures whose numbers are kept together."""


@dataclass(slots=True)
class Job:
    """What is to be measured of one picture: its looks or not, and its distance to some baselines."""

    picture: Picture
    looks: bool
    baselines: list[Picture] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What was measured of one picture, or why it could not be, in words."""

    picture: str
    looks: Measured | None = None
    apart: Mapping[str, Measured] = field(default_factory=dict)
    problem: str = ""


def jobs(plan: Plan, standings: Mapping[str, Standing], baselines: Baselines, shelf: Shelf) -> list[Job]:
    """Return what of a run's pictures is not measured yet, those of one baseline together."""
    whole = structural()
    wanted: dict[str, Job] = {}
    asked: set[tuple[str, str]] = set()
    for placement in plan.placements():
        for position, picture in enumerate(standings.get(placement.digest, PENDING).pictures):
            if picture.sha256 not in wanted:
                wanted[picture.sha256] = Job(picture, looks=shelf.looks(picture.sha256) is None)
            baseline = baselines.of(placement.coordinates, position)
            if baseline is None or (pair := (picture.sha256, baseline.sha256)) in asked:
                continue
            asked.add(pair)
            if shelf.apart(*pair, structural=whole) is None:
                wanted[picture.sha256].baselines.append(baseline)
    found = [job for job in wanted.values() if job.looks or job.baselines]
    return sorted(found, key=lambda job: job.baselines[0].sha256 if job.baselines else "")


def measure(
    run: Path,
    todo: list[Job],
    shelf: Shelf,
    *,
    ended: Callable[[], bool] = bool,
    workers: int | None = None,
) -> Iterator[Found]:
    """Measure pictures and keep the numbers; yield each picture as it is done.

    A picture that is missing or damaged is yielded with its problem and not kept, so that the next time looks again.

    Args:
        run: the run folder.
        todo: from `jobs`.
        shelf: where the numbers are kept.
        ended: asked before each picture; when it says yes, no other is begun.
        workers: how many threads, by default one a core and at most `MOST_WORKERS`.
    """
    whole = structural()
    opened = lru_cache(maxsize=2 * MOST_WORKERS)(lambda picture: _open(run, picture))
    kept: list[Found] = []
    for found in _in_order(todo, lambda job: _measure(run, job, opened), ended, workers or _cores()):
        kept.append(found)
        if len(kept) == AT_ONCE:
            _keep(shelf, kept, whole=whole)
            kept = []
        yield found
    _keep(shelf, kept, whole=whole)


def _cores() -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(MOST_WORKERS, cores)


def _in_order(
    todo: list[Job], work: Callable[[Job], Found], ended: Callable[[], bool], workers: int
) -> Iterator[Found]:
    """Yield what a pool of threads finds, with no more in flight than keeps them busy: Pillow and numpy free the GIL."""
    rest = iter(todo)
    with ThreadPoolExecutor(workers, thread_name_prefix="measure") as pool:
        flying: deque[Future[Found]] = deque(pool.submit(work, job) for job in islice(rest, 2 * workers))
        try:
            while flying:
                yield flying.popleft().result()
                if not ended() and (job := next(rest, None)):
                    flying.append(pool.submit(work, job))
        finally:
            for future in flying:
                future.cancel()


def _measure(run: Path, job: Job, opened: Callable[[Picture], Pixels]) -> Found:
    try:
        own = _open(run, job.picture)
    except (ImageError, OSError) as error:
        return Found(picture=job.picture.sha256, problem=_problem(job.picture, error))
    said = looks(own) if job.looks else None
    distances: dict[str, Measured] = {}
    problem = ""
    for baseline in job.baselines:
        try:
            distances[baseline.sha256] = apart(own, opened(baseline))
        except (ImageError, OSError) as error:
            problem = _problem(baseline, error)
    return Found(picture=job.picture.sha256, looks=said, apart=distances, problem=problem)


def _open(run: Path, picture: Picture) -> Pixels:
    return pixels((run / image_path(picture.sha256, picture.format)).read_bytes())


def _problem(picture: Picture, error: ImageError | OSError) -> str:
    what = error.strerror if isinstance(error, OSError) else str(error)
    return f"{image_path(picture.sha256, picture.format)}: {what}; it is not measured"


def _keep(shelf: Shelf, kept: list[Found], *, whole: bool) -> None:
    seen = [(found.picture, found.looks) for found in kept if found.looks is not None]
    pairs = [(found.picture, other, distance) for found in kept for other, distance in found.apart.items()]
    shelf.add(seen, pairs, structural=whole)
