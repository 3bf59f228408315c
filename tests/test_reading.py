"""How a run stands, counted without its table."""

from plans import axis, plan

from runner.ledger.rows import Gist
from runner.nouns import State
from runner.verbs.reading import owing, tally

MADE = Gist(state=State.MADE, owed=False, images=2, reused=False)
REUSED = Gist(state=State.MADE, owed=False, images=1, reused=True)
BUSY = Gist(state=State.FAILED, owed=True, images=0, reused=False)


def test_cells_and_images_are_counted_and_what_the_plan_does_not_hold_is_not() -> None:
    found = plan(axis("guidance_scale", 1, 2, 3, 4, 5))
    digests = [cell.digest for cell in found.cells()]
    gists = dict(zip(digests, [MADE, REUSED, REUSED, BUSY], strict=False)) | {"of an earlier plan": MADE}
    assert tally(digests, gists) == {
        "planned": 5,
        "made": 3,
        "refused": 0,
        "failed": 1,
        "unknown": 0,
        "pending": 1,
        "reused": 2,
        "images": 4,
    }
    assert owing(digests, gists) == 2
