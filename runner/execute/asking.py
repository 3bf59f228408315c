"""An answer that was lost is asked about before the outcome is unknown.

> Invariant 1, a POST whose answer never came is sent again only when the user says so. What the target says that it never
> accepted and never will is no such POST: nothing was made, and it may be sent again like any other refusal.
"""

from runner.client import WithheldError
from runner.execute.bench import Bench
from runner.nouns import Reply, Request, Unknown


async def send(request: Request, track_id: str, bench: Bench) -> Reply:
    """Send a request once; where its answer is lost, return what the target or its webhook says became of it."""
    sent = bench.clock.elapsed()
    reply = await bench.client.send(request, track_id=track_id)
    if not (isinstance(reply, Unknown) and track_id):
        return reply
    try:
        return await bench.client.find(track_id, age=bench.clock.elapsed() - sent) or reply
    except WithheldError:  # one lost answer stops no run
        return reply
