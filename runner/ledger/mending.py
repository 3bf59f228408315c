"""What a new ledger holds of a damaged one: what is certain as it was, what is not as `unknown`.

> Invariant 1: an attempt of which nothing can be read may have been made and paid for. It is unknown, and not pending.
> Invariant 2: a cell is made while its picture is in the vault; otherwise what was accepted is fetched again.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from runner.ledger.salvage import Remains, Row
from runner.nouns import State

LOST = "the ledger was damaged and the record of this attempt is lost: it may have been made and paid for"
LOST_PICTURE = "the picture was made, and is lost"
RESTORED = "the record of this attempt is lost, its pictures are not"


@dataclass(frozen=True, slots=True, kw_only=True)
class Toll:
    """What a damage cost, in numbers.

    Attributes:
        kept: attempts whose record was read whole.
        restored: attempts known to be made by their pictures alone.
        gone: attempts whose picture is lost: what the target still has is fetched, the rest is pending.
        unknown: attempts of which nothing can be known: they may have been paid for.
        dropped: attempts of which not even the cell is known, or its request.
    """

    kept: int = 0
    restored: int = 0
    gone: int = 0
    unknown: int = 0
    dropped: int = 0


def mend(
    found: Remains, requests: Mapping[str, str], is_there: Callable[[Row], bool], *, now: float
) -> tuple[Remains, Toll]:
    """Return what a new ledger shall hold, and what was lost.

    Args:
        found: what was read of the old one.
        requests: the plan's requests, as the ledger spells them, by the cell's digest.
        is_there: whether the vault has a picture, whole.
        now: seconds since 1970.
    """
    mended, toll = Remains(changes=found.changes), Toll()
    for number in found.numbers:
        row, kind = _mended(number, found, is_there, now)
        request = requests.get(row["cell"]) or found.cells.get(row["cell"])
        if request is None:
            toll = replace(toll, dropped=toll.dropped + 1)
            continue
        toll = replace(toll, **{kind: getattr(toll, kind) + 1})
        mended.cells[row["cell"]] = request
        mended.attempts[number] = row
        if row["state"] == State.MADE:
            mended.pictures[number] = found.pictures[number]
    doubtful = _doubtful(found, mended, requests)
    for number, digest in enumerate(doubtful, max(found.numbers, default=0) + 1):
        mended.cells[digest] = requests[digest]
        mended.attempts[number] = _unknown(number, digest, now)
    return mended, replace(toll, unknown=toll.unknown + len(doubtful))


def _doubtful(found: Remains, mended: Remains, requests: Mapping[str, str]) -> list[str]:
    """Return the cells that may have been tried though no attempt of theirs can be read.

    Attempts are numbered from 1 and never deleted. Where more numbers are missing than there are cells whose place in
    the index is lost, the index does not say all, and every cell without an attempt is in doubt.
    """
    untraced = [digest for digest in requests if digest not in mended.cells]
    doubtful = [digest for digest in untraced if digest not in found.untried]
    missing = max(found.numbers, default=0) - len(mended.attempts)
    return untraced if missing > len(doubtful) else doubtful


def _mended(number: int, found: Remains, is_there: Callable[[Row], bool], now: float) -> tuple[Row, str]:
    """Return an attempt's row in the new ledger, and what it counts as."""
    row, pictures = found.attempts.get(number), found.pictures.get(number, [])
    numbered = [picture["place"] for picture in pictures] == list(range(len(pictures)))
    sound = bool(pictures) and numbered and all(is_there(picture) for picture in pictures)
    if row is None:
        cell = found.traces.get(number, "")
        if not sound:
            return _unknown(number, cell, now), "unknown"
        return _ended(number, cell, now, state=State.MADE, reason=RESTORED), "restored"
    if row["state"] != State.MADE or sound:
        return row, "kept"
    if row["remote_id"] is not None:
        return _open_again(row), "gone"
    if not found.whole:  # it may be the record of the picture that is damaged, and not the picture
        return _unknown(number, row["cell"], now), "unknown"
    return _ended(number, row["cell"], now, state=State.PENDING, reason=LOST_PICTURE), "gone"


def _open_again(row: Row) -> Row:
    """Return an attempt without its picture as one that the target is to be asked for."""
    names = ("id", "cell", "begun", "track_id", "remote_id", "fetch_result")
    return {"state": None, **{name: row[name] for name in names if name in row}}


def _unknown(number: int, cell: str, now: float) -> Row:
    return _ended(number, cell, now, state=State.UNKNOWN, reason=LOST)


def _ended(number: int, cell: str, now: float, *, state: State, reason: str) -> Row:
    return {"id": number, "cell": cell, "begun": now, "finished": now, "state": state, "reason": reason}
