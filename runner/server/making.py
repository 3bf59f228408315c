"""Pictures of several requests leave the queue together, and are made by one engine: in one go, or one after another."""

import asyncio
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from runner.engine import Engine
from runner.engine.batches import batch_key
from runner.errors import EngineError, EngineLost
from runner.nouns import Drawn, Generation, Refused
from runner.server.answers import bad_request, engine_failed, logger
from runner.server.job import Part

Item = TypeVar("Item")


def together(part: Part) -> Hashable | None:
    """Return what pictures of one batch have in common; None for one that goes alone, as what an engine died of does."""
    job, place = part
    return None if job.done.is_set() or job.deaths else batch_key(job.order.generations[place])


def take(queue: deque[Item], key: Callable[[Item], Hashable | None], most: int) -> list[Item]:
    """Take the first of a queue, and with it as many of those behind it that have its key, in their order.

    Args:
        queue: with one item at least; those taken leave it.
        key: what items of one batch have in common; None for one that goes alone.
        most: items to take in all.
    """
    first = queue.popleft()
    taken, common = [first], key(first) if most > 1 else None
    if common is None:
        return taken
    left: list[Item] = []
    while queue and len(taken) < most:
        item = queue.popleft()
        (taken if key(item) == common else left).append(item)
    queue.extendleft(reversed(left))
    return taken


async def make(parts: Sequence[Part], engine: Engine, thread: ThreadPoolExecutor) -> list[Drawn | Refused | EngineLost]:
    """Return each picture, or why there is none, or that the engine died over it.

    What cannot be made in one go is made one after another, so that each has its own picture or its own refusal.
    """
    generations = [job.order.generations[place] for job, place in parts]  # a request that ends forgets its own
    if len(parts) == 1:
        return [await _one(parts[0], generations[0], engine, thread)]
    try:
        drawn = await asyncio.get_running_loop().run_in_executor(thread, engine.generate_batch, generations)
    except EngineLost as error:
        return [error for _ in parts]
    except EngineError:
        pass  # one of them is to blame, and says so alone
    except Exception:  # noqa: BLE001 - it is logged, and each is made alone
        logger.exception("requests %s failed in one go", ", ".join(str(job.number) for job, _ in parts))
    else:
        for job, _ in parts:
            job.batch = max(job.batch, len(parts))
        return list(drawn)
    pairs = zip(parts, generations, strict=True)
    return [await _one(part, generation, engine, thread) for part, generation in pairs]


async def _one(
    part: Part, generation: Generation, engine: Engine, thread: ThreadPoolExecutor
) -> Drawn | Refused | EngineLost:
    try:
        return await asyncio.get_running_loop().run_in_executor(thread, engine.generate, generation)
    except EngineLost as error:
        return error
    except EngineError as error:
        return bad_request(str(error)).refused
    except Exception:  # noqa: BLE001 - one request's fault must not end the server, and it is logged
        logger.exception("request %d failed", part[0].number)
        return engine_failed()
