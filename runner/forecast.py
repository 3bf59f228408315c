"""How long a plan would take, by what earlier requests of the same kind took at the same target; and what was assumed.

A kind of request is what decides its time: endpoint, model, size and steps. Times are not scaled from one kind to
another: how they grow with size differs between models and machines, and a few requests measure it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median

from runner.errors import RunFolderError
from runner.folder import RunFolder
from runner.ledger import Timing
from runner.nouns import Request
from runner.plan import Plan

LATEST = 1000
"""Requests of a run that are looked at, the latest ones: what a target does now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What decides how long a request takes."""

    endpoint: str
    model_id: str
    width: int
    height: int
    steps: int

    def __str__(self) -> str:
        return f"{self.width}×{self.height} in {self.steps} steps"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The median seconds of an image of one kind, of how many, and in which run."""

    seconds: float
    count: int
    run: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """How long sending would take: seconds, None when that is not known; and in words, with what is assumed."""

    seconds: float | None
    words: str


def kind_of(request: Request) -> Kind:
    """Return a request's kind."""
    said = request.parameters
    return Kind(
        endpoint=request.endpoint,
        model_id=str(said.get("model_id")),
        width=int(said.get("width") or 0),
        height=int(said.get("height") or 0),
        steps=int(said.get("num_inference_steps") or 0),
    )


def measure(runs: Iterable[RunFolder], kinds: Iterable[Kind], plan: Plan) -> dict[Kind, Measured]:
    """Return what is known of some kinds of request: of each by the first run that made one at the target of the plan.

    A run that cannot be read tells nothing.
    """
    missing, found = set(kinds), dict[Kind, Measured]()
    for run in runs:
        if not missing:
            break
        for kind, seconds in _of(run, plan).items():
            if kind in missing:
                found[kind] = Measured(seconds=median(seconds), count=len(seconds), run=str(run.path))
        missing -= found.keys()
    return found


def forecast(plan: Plan, known: Mapping[Kind, Measured], *, requests: int, images: Mapping[Kind, int]) -> Forecast:
    """Return how long some of a plan's requests would take if each is made at first asking.

    A target in this process is one engine, which makes one image at a time; another makes as many requests at once as
    the plan sends.

    Args:
        plan: says how they are sent, and where.
        known: from `measure`.
        requests: how many there are.
        images: how many they ask for, by kind.
    """
    if not requests:
        return Forecast(seconds=0.0, words="nothing is left to send")
    hosted, execution = plan.experiment.target.hosted, plan.experiment.execution
    at_once = min(execution.concurrency, requests) if hosted else 1
    work = sum(known[kind].seconds * count for kind, count in images.items() if kind in known) / at_once
    rate = requests / execution.rate if execution.rate else 0.0
    unknown = [kind for kind in images if kind not in known]
    seconds = max(work, rate) if rate or not unknown else None
    head = "not known" if seconds is None else f"{'at least' if unknown else 'about'} {duration(seconds)}"
    parts = [*_paces(known, f"{at_once} at once" if hosted else "one at a time in this process")]
    parts += [*_rate(execution.rate), *_missing(unknown, plan.provider.target)]
    return Forecast(seconds=seconds, words=f"{head}: {', '.join(parts)}")


def duration(seconds: float) -> str:
    """Return a time in words: 0.8 s, 45 s, 12 min, 3.2 h."""
    if seconds < 90:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 90 * 60 else f"{seconds / 3600:.1f} h"


def _of(run: RunFolder, plan: Plan) -> dict[Kind, list[float]]:
    """Return the seconds an image that a run measured, by kind; nothing where it asked another target."""
    found: dict[Kind, list[float]] = {}
    try:
        if run.manifest().get("target") != plan.provider.target:
            return {}
        with run.reading() as ledger:
            timings = ledger.timings(LATEST)
    except RunFolderError:
        return {}
    for timing in timings:
        seconds = _seconds(timing, hosted=plan.experiment.target.hosted)
        if seconds is not None:
            found.setdefault(kind_of(timing.request), []).append(seconds / timing.images)
    return found


def _seconds(timing: Timing, *, hosted: bool) -> float | None:
    """Return how long a request kept its place: in this process by the engine's clock, since others wait before it."""
    if not hosted:
        return timing.seconds
    return timing.took if timing.took > 0 else None


def _paces(known: Mapping[Kind, Measured], at_once: str) -> list[str]:
    if not known:
        return []
    paces = sorted(measured.seconds for measured in known.values())
    runs = ", ".join(dict.fromkeys(measured.run for measured in known.values()))
    count = sum(measured.count for measured in known.values())
    if len(known) == 1:
        return [f"{paces[0]:.2g} s an image (median of {count} in {runs})", at_once]
    return [f"{paces[0]:.2g} to {paces[-1]:.2g} s an image (medians of {count} in {runs})", at_once]


def _rate(rate: float | None) -> list[str]:
    if rate is None:
        return []
    return [f"at most {rate:g} a second"] if rate > 1 else [f"at most {rate * 60:g} a minute"]


def _missing(kinds: list[Kind], target: str) -> list[str]:
    if not kinds:
        return []
    more = f" and {len(kinds) - 1} more" if len(kinds) > 1 else ""
    return [f"nothing is measured at {target} for {kinds[0]}{more}, `sweep run FILE --limit 4` would tell"]
