"""A reply is followed to its end: what is queued is waited for, what is ready comes into the vault.

> Invariant 1, remote id before poll: what the server accepted is in the ledger, on disk, before the first fetch.
> Invariant 2, bytes before row: `bring` returns `Made` once every image is in the vault, synced and decoded.
"""

import asyncio
import re

from runner.client import DownloadError
from runner.errors import ImageError
from runner.execute.bench import Bench
from runner.execute.scribe import Scribe
from runner.execute.shelver import Shelver
from runner.flags import HIDDEN
from runner.nouns import Failed, Made, Outcome, Queued, Ready, Refused, Reply, Unknown

DOWNLOADS = 3
"""How often an image that arrives broken is downloaded before its cell has failed: it is paid for already."""

FETCH_PATIENCE = 3600.0
"""Seconds that an accepted request may take before its outcome is unknown, whichever start of the run sent it."""

_DIGITS = re.compile(r"\d{1,20}", re.ASCII)


async def note(reply: Reply, attempt: int, scribe: Scribe) -> None:
    """Record the server's name for a request, where it has given one."""
    match reply:
        case Queued():
            await scribe.accept(attempt, reply)
        case Ready() if reply.remote_id:
            await scribe.accept(attempt, Queued(remote_id=reply.remote_id))


async def follow(
    reply: Reply, attempt: int, bench: Bench, scribe: Scribe, *, patience: float
) -> Ready | Refused | Unknown | Queued:
    """Return how the server ends a request: record its name for it, and fetch until it is over.

    Args:
        reply: what the server said to it.
        attempt: its number in the ledger.
        bench: the client and the clock.
        scribe: the ledger's writer.
        patience: seconds to fetch what is queued; what is still being made then is returned as it was queued.

    Raises:
        WithheldError: the target accepted it and does not give it out now; the attempt stays open.
    """
    await note(reply, attempt, scribe)
    if isinstance(reply, Queued):
        return await bench.client.wait(reply, deadline=bench.clock.elapsed() + patience)
    return reply


def ended(reply: Ready | Refused | Unknown | Queued) -> Ready | Refused | Unknown:
    """Return how a request ended, by what was said of it last: what nobody waits for any more is unknown."""
    if isinstance(reply, Queued):
        return Unknown(message=f"accepted as {reply.remote_id}, and not ready when the time to wait was over")
    return reply


async def bring(reply: Ready | Refused | Unknown, bench: Bench, shelver: Shelver) -> Outcome:
    """Download the images of an answer, decode each one and put it in the vault; a no is an outcome as it stands."""
    return await _bring(reply, bench, shelver) if isinstance(reply, Ready) else reply


async def _bring(ready: Ready, bench: Bench, shelver: Shelver) -> Outcome:
    problem = ""
    for _ in range(DOWNLOADS):
        try:
            images = await bench.client.download(ready)
            pictures = await asyncio.gather(*map(shelver.put, images))
        except DownloadError as error:
            return Failed(message=str(error), away=error.away)
        except ImageError as error:
            problem = str(error)
        else:
            return _made(ready, Made(pictures=tuple(pictures), meta=ready.meta, seconds=ready.seconds))
    return Failed(message=f"the target's image is broken: {problem}")


def _made(ready: Ready, made: Made) -> Outcome:
    if not made.pictures:
        return Failed(message="the target's answer says success and holds no image")
    known = _seed(ready.meta.get("seed"))
    hidden = {} if ready.nsfw is None else {HIDDEN: ready.nsfw}
    return Made(pictures=made.pictures, meta={**hidden, **made.meta}, seconds=made.seconds, seed=known)


def _seed(said: object) -> int | None:
    """Return a seed that is a whole number, or a text of one; what else a server calls a seed stays in its answer alone."""
    if isinstance(said, str):
        return int(said) if _DIGITS.fullmatch(said) else None
    return said if isinstance(said, int) and not isinstance(said, bool) else None
