"""Nouns become rows, and rows nouns."""

import json
import marshal
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from runner.canon import spell
from runner.nouns import Concern, Failed, Made, Outcome, Picture, Refused, Request, State, Unknown

LARGEST_SEED = 2**63 - 1
"""What SQLite and pandas call an integer; a server's seed beyond it stays in the answer alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How one cell stands.

    Attributes:
        attempts: how often it was tried, the open one included.
        concern: what the last refusal was about; None when the last attempt was no refusal.
        reused_from: the run folder that an earlier picture was taken from, or empty.
    """

    state: State
    attempts: int = 0
    reason: str = ""
    concern: Concern | None = None
    seconds: float | None = None
    seed: int | None = None
    answer: Mapping[str, object] = field(default_factory=dict)
    pictures: tuple[Picture, ...] = ()
    reused_from: str = ""

    @property
    def owed(self) -> bool:
        """Whether running again should try: never finished, or refused for now with nothing made."""
        return self.state is State.PENDING or self.concern in (Concern.LATER, Concern.RUN)


PICTURE = ("sha256", "width", "height", "size", "format")
"""A picture's columns in the order of the table."""

PENDING = Standing(state=State.PENDING)
"""How a cell stands that was never tried."""


class Standings(Mapping[str, Standing]):
    """How cells stand, by digest: kept packed, and unpacked when asked for; those of a large run are many small objects."""

    def __init__(self, standings: Iterable[tuple[str, Standing]] = ()) -> None:
        self._packed = {cell: _pack(standing) for cell, standing in standings}

    def __getitem__(self, cell: str) -> Standing:
        return _unpack(self._packed[cell])

    def __iter__(self) -> Iterator[str]:
        return iter(self._packed)

    def __len__(self) -> int:
        return len(self._packed)


def _pack(standing: Standing) -> bytes:
    pictures: Any = [picture_row(picture) for picture in standing.pictures]
    answer: Any = standing.answer  # of JSON
    texts = (standing.state.value, standing.concern and standing.concern.value, standing.reason, standing.reused_from)
    return marshal.dumps((texts, standing.attempts, standing.seconds, standing.seed, answer, pictures))


def _unpack(packed: bytes) -> Standing:
    texts, attempts, seconds, seed, answer, pictures = marshal.loads(packed)  # noqa: S302  # packed in this process
    state, concern, reason, reused_from = texts
    return Standing(
        state=State(state),
        attempts=attempts,
        reason=reason,
        concern=concern and Concern(concern),
        seconds=seconds,
        seed=seed,
        answer=answer,
        pictures=tuple(Picture(**dict(zip(PICTURE, picture, strict=True))) for picture in pictures),
        reused_from=reused_from,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Gist:
    """How one cell stands in brief: what counting and sending need of a `Standing`. Equal ones are one object.

    Attributes:
        owed: whether running again should try.
        images: how many there are.
        reused: whether they were taken from an earlier run.
    """

    state: State
    owed: bool
    images: int
    reused: bool


STANDING = "a.id, a.cell, a.finished, a.state, a.reason, a.concern, a.seconds, a.seed, a.answer, a.reused_from"
"""Of an attempt what a standing is made of; its request, the largest part of it, is not."""

GISTS = """
SELECT cell, coalesce(state, 'pending') AS state, concern, reused_from IS NOT NULL AS reused,
    (SELECT count(*) FROM pictures p WHERE p.attempt = a.id) AS pictures
FROM attempts a ORDER BY id
"""
"""Of each attempt what a gist is made of, the oldest first."""


def standing_of(rows: list[sqlite3.Row], pictures: Mapping[int, tuple[Picture, ...]]) -> Standing:
    """Return how a cell stands by its attempts, the oldest first: the latest one that made it, or else the latest."""
    made = [row for row in rows if row["state"] == State.MADE]
    row = made[-1] if made else rows[-1]
    if row["finished"] is None:
        return Standing(state=State.PENDING, attempts=len(rows))
    return Standing(
        state=State(row["state"]),
        attempts=len(rows),
        reason=row["reason"],
        concern=Concern(row["concern"]) if row["concern"] else None,
        seconds=row["seconds"],
        seed=row["seed"],
        answer=_answer(row["answer"]),
        pictures=pictures.get(row["id"], ()),
        reused_from=row["reused_from"] or "",
    )


def _answer(text: str) -> dict[str, object]:
    """Return what a server said, as it was recorded. Raises ValueError where that is no JSON object."""
    said = json.loads(text, parse_constant=str)  # NaN from a server is the text NaN, which JSON can say
    if not isinstance(said, dict):
        raise ValueError(f"an answer is a JSON object, and not {text[:40]}")  # noqa: TRY004  # the file is wrong, not the caller
    return said


@cache
def gist_of(state: str, concern: str | None, images: int, *, reused: bool) -> Gist:
    """Return what the attempt that counts says of its cell."""
    standing = Standing(state=State(state), concern=Concern(concern) if concern else None)
    return Gist(state=standing.state, owed=standing.owed, images=images, reused=reused)


def outcome_row(outcome: Outcome) -> dict[str, object]:
    """Return the columns of an attempt that its outcome decides."""
    empty: dict[str, object] = {
        "reason": "",
        "concern": None,
        "status": None,
        "seconds": None,
        "seed": None,
        "answer": "{}",
    }
    match outcome:
        case Made(meta=meta, seconds=seconds, seed=seed):
            kept = seed if seed is not None and abs(seed) <= LARGEST_SEED else None
            return empty | {"state": State.MADE, "seconds": seconds, "seed": kept, "answer": json.dumps(dict(meta))}
        case Refused(concern=concern, message=message, status=status):
            state = State.REFUSED if concern is Concern.CELL else State.FAILED
            return empty | {"state": state, "reason": storable(message), "concern": concern, "status": status}
        case Failed(message=message):
            return empty | {"state": State.FAILED, "reason": storable(message)}
        case Unknown(message=message):
            return empty | {"state": State.UNKNOWN, "reason": storable(message)}


def picture_row(picture: Picture) -> tuple[object, ...]:
    """Return a picture's columns in the order of the table."""
    return tuple(getattr(picture, name) for name in PICTURE)


def storable(text: str) -> str:
    """Return a server's text as SQLite can hold it: half of a surrogate pair becomes a question mark."""
    return text.encode("utf-8", "replace").decode("utf-8")


def request_text(request: Request) -> str:
    """Return a request as the ledger's JSON text, for `request_from`."""
    return spell({"endpoint": request.endpoint, "parameters": request.parameters, "repeat": request.repeat})


def request_from(text: str) -> Request:
    """Return the request that a ledger's JSON text holds."""
    said = json.loads(text)
    return Request(endpoint=said["endpoint"], parameters=said["parameters"], repeat=said["repeat"])
