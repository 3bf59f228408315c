"""One cell, what may come back of it, and a ledger that it is written into: what the tests of the ledger share."""

from collections.abc import Iterator
from pathlib import Path

from runner.ledger import Ledger, Standing
from runner.nouns import Cell, Concern, Made, Outcome, Picture, Refused, Request

REQUEST = Request(endpoint="text2img", parameters={"prompt": "ein Häuschen", "seed": None}, repeat=2)
CELL = Cell(digest="c" * 64, coordinates={"seed": "random"}, request=REQUEST)
PICTURE = Picture(sha256="a" * 64, width=256, height=128, size=1234)
MADE = Made(pictures=(PICTURE,), meta={"seed": 7, "W": 256}, seconds=1.5, seed=7)
REFUSED = Refused(concern=Concern.CELL, message="prompt refused", status=400)
BUSY = Refused(concern=Concern.LATER, message="queue full", status=429, retry_after=3)
NO_KEY = Refused(concern=Concern.RUN, message="bad key", status=401)


def opened(tmp_path: Path) -> Iterator[Ledger]:
    """The ledger of a test: `ledger = pytest.fixture(opened)`."""
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        yield ledger


def tried(ledger: Ledger, *outcomes: Outcome | None) -> Standing:
    """Try the cell once for each outcome (None: no outcome yet) and return how it stands."""
    for number, outcome in enumerate(outcomes):
        attempt = ledger.begin(CELL, now=100.0 + number)
        if outcome is not None:
            ledger.finish(attempt, outcome, now=101.0 + number)
    return ledger.standing(CELL.digest)


def rows(ledger: Ledger, query: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in ledger._db.execute(query)]
