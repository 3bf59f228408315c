"""A reply is followed to its end: what is queued is waited for, what is ready comes into the vault."""

import asyncio

from runner.client import DownloadError
from runner.errors import ImageError
from runner.execute.bench import Bench
from runner.flags import HIDDEN
from runner.nouns import Failed, Made, Outcome, Queued, Ready, Reply

DOWNLOADS = 3
"""How often an image that arrives broken is downloaded before its cell has failed: it is paid for already."""

FETCH_PATIENCE = 3600.0
"""Seconds that an accepted request may take before its outcome is unknown."""


async def deliver(reply: Reply, attempt: int, bench: Bench) -> Outcome:
    """Follow a reply to its end: wait for what is queued, bring what is ready into the vault."""
    match reply:
        case Queued():
            bench.ledger.accept(attempt, reply)
            deadline = bench.clock.elapsed() + FETCH_PATIENCE
            waited = await bench.client.wait(reply, deadline=deadline)
            return await _bring(waited, bench) if isinstance(waited, Ready) else waited
        case Ready():
            bench.ledger.accept(attempt, Queued(remote_id=reply.remote_id))
            return await _bring(reply, bench)
        case _:
            return reply


async def _bring(ready: Ready, bench: Bench) -> Outcome:
    """Download images, decode each one and put it in the vault."""
    problem = ""
    for _ in range(DOWNLOADS):
        try:
            images = await bench.client.download(ready)
            pictures = [await asyncio.to_thread(bench.vault.put, image) for image in images]
        except DownloadError as error:
            return Failed(message=str(error))
        except ImageError as error:
            problem = str(error)
        else:
            return _made(ready, Made(pictures=tuple(pictures), meta=ready.meta, seconds=ready.seconds))
    return Failed(message=f"the target's image is broken: {problem}")


def _made(ready: Ready, made: Made) -> Outcome:
    if not made.pictures:
        return Failed(message="the target's answer says success and holds no image")
    seed = ready.meta.get("seed")
    known = seed if isinstance(seed, int) else int(seed) if isinstance(seed, str) and seed.isdigit() else None
    hidden = {} if ready.nsfw is None else {HIDDEN: ready.nsfw}
    return Made(pictures=made.pictures, meta={**hidden, **made.meta}, seconds=made.seconds, seed=known)
