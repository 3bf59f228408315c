"""Complaints are collected, not raised one by one: whoever reads on after a mistake finds the next."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches

from runner.document.tree import Spot
from runner.errors import Complaint, InputError


class Mistake(InputError):
    """One thing is wrong; raised to the nearest `Complaints.collecting`, which writes it down."""

    def __init__(self, spot: Spot, message: str) -> None:
        super().__init__(message)
        self.spot = spot


class AlreadyTold(InputError):
    """What is asked for cannot be had, and a complaint says why."""


@contextmanager
def as_mistake(spot: Spot) -> Iterator[None]:
    """Turn a ValueError, which knows what is wrong, into a Mistake, which also knows where."""
    try:
        yield
    except ValueError as error:
        raise Mistake(spot, str(error)) from error


class Complaints:
    """What is wrong in a document, each mistake once."""

    def __init__(self) -> None:
        self._found: dict[tuple[object, ...], Complaint] = {}

    def add(self, spot: Spot, message: str) -> None:
        """Write down a mistake; what an alias repeats from the same place counts once."""
        complaint = Complaint(spot.source.name, spot.line, spot.column, ".".join(spot.path), message)
        place = (complaint.line, complaint.column) if complaint.line else complaint.path
        self._found.setdefault((complaint.file, place, message), complaint)

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """Write down a mistake made inside; whatever the block was to produce is then missing."""
        try:
            yield
        except Mistake as mistake:
            self.add(mistake.spot, str(mistake))
        except AlreadyTold:
            pass  # the complaint exists; reading goes on behind it

    def about(self, spot: Spot) -> bool:
        """Return whether there is a complaint about a place."""
        place = (spot.source.name, spot.line, spot.column, ".".join(spot.path))
        return any(place == (found.file, found.line, found.column, found.path) for found in self._found.values())

    def found(self) -> tuple[Complaint, ...]:
        """Return the complaints in the order of the file."""
        return tuple(sorted(self._found.values()))


def closest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that a misspelt or shortened one very likely means, or None.

    Stricter than `runner.schema.did_you_mean`, because reading goes on as if that name had been written.

    >>> closest("steps", ["num_inference_steps", "seed"])
    'num_inference_steps'
    """
    spelled = {option.lower(): option for option in known}
    close = get_close_matches(name.lower(), spelled, n=1, cutoff=0.75)
    if not close and len(name) >= 4:
        holding = [option for option in spelled if name.lower() in option]
        close = holding if len(holding) == 1 else []
    return spelled[close[0]] if close else None


def in_yaml(message: str, value: object) -> str:
    """Return a message about a value in which null, true and false are spelled as YAML spells them."""
    if isinstance(value, bool | None):
        return message.replace(str(value), {None: "null", True: "true", False: "false"}[value], 1)
    return message
