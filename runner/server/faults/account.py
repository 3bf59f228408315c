"""What a lying server owns up to: what it heard, what it made, which lies it told.

`bought_twice` is the question that a pipeline is to be asked: how many requests were made although the same one had been
made before. The same is what has equal parameters, `track_id` and `webhook` aside, and a seed; without a seed two
pictures differ, and may both be wanted. It remembers a digest for each request that was accepted, and forgets none.
"""

from collections import Counter

from runner import canon
from runner.nouns import Request
from runner.server.faults.kinds import Faults
from runner.server.job import Job

UNCOUNTED = ("track_id", "webhook")
"""Parameters that say nothing about the picture."""


class Account:
    """Counts, for whoever tests against this server."""

    def __init__(self, faults: Faults) -> None:
        """Start at nothing."""
        self._faults = faults
        self._heard: Counter[str] = Counter()
        self._struck: Counter[int] = Counter()
        self._asked: dict[int, str] = {}
        self._made: dict[int, int] = {}
        self._free: set[int] = set()

    def hear(self, route: str) -> None:
        """Note a request, whatever becomes of it."""
        self._heard[route] += 1

    def strike(self, place: int) -> None:
        """Note that a fault has struck, by its place in the file."""
        self._struck[place] += 1

    def accept(self, number: int, request: Request) -> None:
        """Note what an accepted request asked for."""
        counted = {name: value for name, value in request.parameters.items() if name not in UNCOUNTED}
        seeded = counted.get("seed") is not None
        self._asked[number] = canon.digest([request.endpoint, counted]) if seeded else f"no seed: {number}"

    def finish(self, job: Job) -> None:
        """Note what became of an accepted request."""
        if job.refused is None:
            self._made[job.number] = job.samples

    def is_made(self, number: int) -> bool:
        """Return whether a request's pictures are made."""
        return number in self._made

    def refund(self, number: int) -> None:
        """Note that a request was made and told to have failed: nobody pays for it."""
        self._free.add(number)

    def said(self) -> dict[str, object]:
        """Return the account as JSON says it."""
        made = {number: samples for number, samples in self._made.items() if number not in self._free}
        same = Counter(self._asked[number] for number in made if number in self._asked)
        return {
            "seed": self._faults.seed,
            "heard": dict(sorted(self._heard.items())),
            "requests_made": len(made),
            "pictures_made": sum(made.values()),
            "bought_twice": sum(same.values()) - len(same),
            "faults": [
                {"fault": place + 1, "kind": fault.kind, "struck": self._struck[place]}
                for place, fault in enumerate(self._faults.faults)
            ],
        }
