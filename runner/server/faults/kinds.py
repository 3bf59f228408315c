"""What can be wrong with an answer, and when: the nouns of a file of faults.

Each act is one kind of fault, and its fields are those of the file; `schemas/faults.schema.json` says what they mean.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from runner.nouns import ENDPOINTS
from runner.wire import FIND

Span: TypeAlias = tuple[float, float]
"""Seconds, from the first number to the second."""

When: TypeAlias = Literal["before_accept", "after_accept"]
Hint: TypeAlias = Literal["body", "header", "date"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delay:
    """Latency. A client that gives up meanwhile was not heard before the accept, and was after it."""

    seconds: Span
    when: When = "before_accept"


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowBody:
    """An answer whose body trickles."""

    seconds: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuse:
    """A no in the contract's words; nothing is made."""

    status: int = 429
    retry_after: float | None = None
    hint: Hint = "body"
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueFull:
    """429 while so many requests are under way."""

    limit: int = 5
    retry_after: float | None = None
    hint: Hint = "body"
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Html:
    """A page of a proxy instead of JSON."""

    status: int = 502
    when: When = "after_accept"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """The connection dies."""

    when: Literal["before_accept", "after_accept", "mid_answer"] = "after_accept"


@dataclass(frozen=True, slots=True, kw_only=True)
class Processing:
    """The request is made, and answers say `processing` for longer: for ever without `seconds`."""

    seconds: float | None = None
    ends: Literal["success", "failed"] = "success"
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoImages:
    """An answer that says success and holds no image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongId:
    """An answer that names a request that does not exist."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenImage:
    """A broken picture."""

    how: Literal["truncated", "corrupt", "empty", "html", "wrong_size"] = "truncated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expire:
    """A link to a picture that leads nowhere."""

    status: int = 410


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What a webhook is told."""

    how: Literal["duplicate", "forged", "lost"] = "duplicate"


Act: TypeAlias = (
    Delay
    | SlowBody
    | Refuse
    | QueueFull
    | Html
    | Drop
    | Processing
    | NoImages
    | WrongId
    | BrokenImage
    | Expire
    | Letter
)

KINDS: Mapping[str, type[Act]] = {
    "delay": Delay,
    "slow_body": SlowBody,
    "refuse": Refuse,
    "queue_full": QueueFull,
    "html": Html,
    "drop": Drop,
    "processing": Processing,
    "no_images": NoImages,
    "wrong_id": WrongId,
    "image": BrokenImage,
    "expire": Expire,
    "webhook": Letter,
}
"""Each kind by its name in the file."""

GROUPS: Mapping[str, frozenset[str]] = {
    "make": frozenset(ENDPOINTS),
    "fetch": frozenset({"fetch", FIND}),
    "any": frozenset({*ENDPOINTS, "fetch", FIND, "images"}),
}
"""Words of the file that stand for several routes; any other stands for itself."""

HOME: Mapping[type[Act], str] = {SlowBody: "images", BrokenImage: "images", Expire: "images", Letter: "webhook"}
"""The route of a fault that names none, where it is not `make`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One kind of lie, and which requests it strikes.

    Attributes:
        act: what is wrong.
        routes: whose requests are counted: an endpoint, `fetch`, `fetch_by_track_id`, `images` or `webhook`.
        chance: how likely it strikes a request that the counts leave.
        after: requests that are left alone before it begins.
        every: of those that follow, each so many-th.
        first: how often it strikes at most; None without end.
    """

    act: Act
    routes: frozenset[str]
    chance: float = 1.0
    after: int = 0
    every: int = 1
    first: int | None = None

    @property
    def kind(self) -> str:
        """Return its name in the file."""
        return next(name for name, act in KINDS.items() if isinstance(self.act, act))

    @property
    def goes_along(self) -> bool:
        """Whether it strikes beside any other fault, because it says nothing else: it only takes its time."""
        return isinstance(self.act, Delay | SlowBody)


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """What a file of faults says.

    Attributes:
        seed: where chance begins.
        faults: in the order of the file.
    """

    faults: tuple[Fault, ...]
    seed: int = 0
