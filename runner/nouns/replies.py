"""What comes back: one reply to a request, one outcome of an attempt."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias


class Concern(StrEnum):
    """What a refusal is about, which decides what happens next."""

    LATER = "later"  # 429, 5xx in the contract's words, nothing sent: the same request may succeed later
    CELL = "cell"  # 400, content policy: this request fails however often it is sent
    RUN = "run"  # 401, 402, 403: so would the next thousand


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """The answer holds images.

    Attributes:
        remote_id: the server's name for the request, as text.
        outputs: links, or base64 strings when the request asked for base64.
        encoded: whether `outputs` are base64 strings.
        meta: what the server says it used; `meta["seed"]` is the seed drawn when none was given.
        seconds: generation time as the server measured it, None when it does not say.
        nsfw: whether the safety checker hid a picture; None when nothing looked, or the server does not say.
    """

    remote_id: str
    outputs: tuple[str, ...]
    encoded: bool = False
    meta: Mapping[str, object] = field(default_factory=dict)
    seconds: float | None = None
    nsfw: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Queued:
    """The server accepted the request and will make the images.

    Attributes:
        remote_id: the server's name for the request, as text.
        eta: in seconds, None when it does not say.
        fetch_result: the server's own address to fetch from, or empty.
        future_links: where it says that the images will be; empty when it does not say.
        track_id: this side's name for the request, under which a webhook answers; empty when none is awaited.
    """

    remote_id: str
    eta: float | None = None
    fetch_result: str = ""
    future_links: tuple[str, ...] = ()
    track_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The server said no, in its own words; nothing was made.

    Attributes:
        status: of HTTP; 0 when no connection stood and nothing was sent, None when it does not come from an answer.
        retry_after: seconds, None when it does not say.
        crowded: whether the reason is too many requests, at once or in a time.
    """

    concern: Concern
    message: str
    status: int | None = None
    retry_after: float | None = None
    crowded: bool = False

    @property
    def unsent(self) -> bool:
        """Whether nothing ever left this machine."""
        return self.status == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """The request was sent and its answer never came: it may have been made and paid for."""

    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """It did not work: attempts used up, or what came back is not an image.

    `away`: what keeps the images could not be reached; another time it may.
    """

    message: str
    away: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One image in the vault: its digest names the file. Width and height in pixels, size in bytes."""

    sha256: str
    width: int
    height: int
    size: int
    format: str = "png"


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """The images of a request are in the vault, decoded once; `seed` is what the server used for the first."""

    pictures: tuple[Picture, ...]
    meta: Mapping[str, object] = field(default_factory=dict)
    seconds: float | None = None
    seed: int | None = None


Reply: TypeAlias = Ready | Queued | Refused | Unknown
"""How the target answers one POST, or one fetch."""

Outcome: TypeAlias = Made | Refused | Failed | Unknown
"""How one attempt ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """From some moment on (seconds since 1970) so many requests might be in flight, and why."""

    at: float
    concurrency: int
    reason: str


class State(StrEnum):
    """How a cell stands: its latest attempt's outcome, `made` winning over any."""

    MADE = "made"
    REFUSED = "refused"
    FAILED = "failed"
    UNKNOWN = "unknown"
    PENDING = "pending"
