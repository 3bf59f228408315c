"""What an ending run says: how its cells stand, what stopped it, what to type next."""

from collections.abc import Iterator
from shlex import quote
from typing import TYPE_CHECKING

from runner.cli.words import complain, counted, say

if TYPE_CHECKING:
    from runner.verbs import Result

STATES = ("made", "refused", "failed", "unknown", "pending")


def tell(result: "Result") -> None:
    """Say how a run ended: counts and page to standard output, what is amiss to standard error."""
    from runner.execute import Cause

    counts = result.counts
    parts = [f"{counts[name]} {name}" for name in STATES if counts[name]]
    if counts["reused"]:
        parts[0] += f" ({counts['reused']} reused from earlier runs)"
    sent, images = counted(result.sent, "request"), counted(counts["images"], "image")
    say(f"{counted(counts['planned'], 'cell')}: {', '.join(parts)}. {sent} sent, {images}.")
    if result.stop.reason:
        by_limit = result.stop.cause is Cause.LIMIT  # whose reason is a sentence of its own
        complain(result.stop.reason if by_limit else f"stopped: {result.stop.reason}")
    for line in advice(result):
        complain(line)
    say(str(result.report))


def advice(result: "Result") -> Iterator[str]:
    """Yield what to do about a run that was stopped, and about cells that running again alone does not send."""
    from runner.execute import Cause

    counts, run, cause = result.counts, quote(str(result.run)), result.stop.cause
    if cause is Cause.LIMIT:
        yield "run again to go on; limits on requests, images and cost count all starts of a run: raise one that is reached"
    elif cause is Cause.TARGET:
        yield "run again when that has changed: what is made stays made"
    elif cause is Cause.USER:
        yield "run again to go on"
    elif counts["pending"]:
        yield f"{counts['pending']} pending: not tried yet; `sweep run` without --only sends them"
    if counts["refused"]:
        yield f"{counts['refused']} refused: the target said no to these alone; to ask again: sweep retry {run} --refused"
    failed = counts["failed"] if cause is not Cause.TARGET else result.undelivered  # the others running again sends
    if failed:
        yield f"{failed} failed: sweep summary {run} --by reason; to try again: sweep retry {run} --failed"
    if counts["unknown"]:
        yield (
            f"{counts['unknown']} unknown: no answer came, so they may be made and paid for; "
            f"to send them again: sweep retry {run} --unknown"
        )
