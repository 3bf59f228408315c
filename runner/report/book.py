"""What the page shows, as frozen nouns: a book of tiles."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from runner.measures import Findings, Measured
from runner.nouns import Axis, Layout, Picture, Request, State
from runner.ratings import Ratings


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One placement of a cell on the grid; a cell with two coordinates is two tiles with one digest.

    Attributes:
        coordinates: point label by axis name; an axis that does not apply is absent.
        digest: the cell's identity, lower-case hex digits; the page shows the first sixteen where they tell cells apart.
        state: how the cell stands.
        reason: why it was not made, in the words of the server or of this package; empty when there is none.
        attempts: how often it was tried.
        reused_from: the earlier run that made it, empty when this one did.
        seconds: generation time as the server measured it, None when it does not say.
        seed: what the server used for the first picture, None when it does not say.
        request: what was asked.
        meta: what the server says it used.
        pictures: in the order of the server's answer; empty unless made.
        flags: what is odd about them, in words; empty for most tiles.
        numbers: what is measured of each of them, in the same order; empty where nothing is.
    """

    coordinates: Mapping[str, str]
    digest: str
    state: State
    request: Request
    reason: str = ""
    attempts: int = 0
    reused_from: str = ""
    seconds: float | None = None
    seed: int | None = None
    meta: Mapping[str, object] = field(default_factory=dict)
    pictures: tuple[Picture, ...] = ()
    flags: tuple[str, ...] = ()
    numbers: tuple[Measured, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """How the cells of one point of one axis stand, and how long they took.

    Attributes:
        count: cells with this point, the sum of the five states.
        p50, p95: median and 95th percentile of their generation time in seconds, None when no cell has one.
    """

    axis: str
    label: str
    count: int
    made: int = 0
    refused: int = 0
    failed: int = 0
    unknown: int = 0
    pending: int = 0
    p50: float | None = None
    p95: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """Everything that one page shows.

    Attributes:
        description: words of the author in light Markdown; shown as paragraphs and lists of text, never as HTML.
        target: where the requests went, without secrets.
        key_variable: name of the environment variable that holds the key; empty where the target has none.
        axes: in the order of the file.
        layout: where the page puts each axis at first.
        tiles: in plan order.
        shares: in the order of axes and points.
        findings: what the numbers of the pictures say.
        notes: what a reader must know before trusting the page, such as "PARTIAL: stopped by the limit of 500 requests".
        columns: types of the table's columns by name, in order, so that the page writes the table of a view; empty leaves
            that out.
        plan: the plan's digest, under which the page keeps ratings; empty keeps none.
        ratings: what people said of its cells so far.
        facts: what identifies the run, such as version, plan digest, created; shown at the foot of the page.
    """

    name: str
    target: str
    endpoint: str
    axes: tuple[Axis, ...]
    tiles: Iterable[Tile]
    title: str = ""
    key_variable: str = ""
    description: str = ""
    layout: Layout = field(default_factory=Layout)
    shares: Sequence[Share] = ()
    columns: Mapping[str, str] = field(default_factory=dict)
    plan: str = ""
    ratings: Ratings | None = None
    findings: Findings = field(default_factory=Findings)
    notes: Sequence[str] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
