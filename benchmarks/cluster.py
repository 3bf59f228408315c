"""What a second replica is worth: pictures a second of a cluster with two, beside the same cluster with one.

    python benchmarks/cluster.py [PICTURES]

studio-tiny, 256x256, 21 steps, one CPU a replica, 8 requests at a time, pictures downloaded. The two take turns, each a Ray
of its own that has drawn a few pictures before the clock starts.
"""

import asyncio
import sys

import httpx
from serve import ROUNDS, say, served

from runner.cluster.fleet import LOCAL, Fleet
from runner.cluster.head import fleet_running


async def rate(url: str, pictures: int, replicas: int) -> float:
    """Return pictures a second, once every replica has its model in memory."""
    async with httpx.AsyncClient(base_url=f"{url}/api/v1/enterprise", timeout=600) as http:
        await served(http, 4 * replicas)
        return await served(http, pictures)


def measure(pictures: int) -> None:
    """Print the rates of one replica and of two, and their ratio."""
    found: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(ROUNDS):
        for replicas, rates in found.items():
            fleet = Fleet(least=replicas, most=replicas)
            with fleet_running(LOCAL, fleet, host="127.0.0.1", port=0) as url:
                rates.append(asyncio.run(rate(url, pictures, replicas)))
    say("2 replicas", found[2], "1 replica", found[1])


if __name__ == "__main__":
    measure(int(sys.argv[1]) if len(sys.argv) > 1 else 24)
