"""What an experiment file says."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Literal, TypeAlias

from runner.nouns.asked import Endpoint, Value


@dataclass(frozen=True, slots=True)
class Template:
    """Text with `{{ variable }}` places (Jinja2, sandboxed); only the experiment file's own text can be one."""

    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One value of an axis: it sets one parameter or several, strengths of LoRAs, template variables.

    Attributes:
        label: what the page shows and what rules (`exclude`, `when`, `--only`) may name.
        set: endpoint parameters, canonical; a `Template` where the file's text has places to fill.
        loras: strength of each LoRA by its name; a strength of 0 leaves the LoRA out.
        variables: template variables; their values are text and never templates themselves.
        description: words for the page.
    """

    label: str
    set: Mapping[str, Value | Template] = field(default_factory=dict)
    loras: Mapping[str, float] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """What a rule asks of one axis or parameter: one of some values, or a place on a scale.

    `anyof` is empty when only bounds are asked. `above` and `below` are strict, `at_least` and `at_most` are not.
    """

    anyof: tuple[Value, ...] = ()
    noneof: tuple[Value, ...] = ()
    above: float | None = None
    below: float | None = None
    at_least: float | None = None
    at_most: float | None = None


Rule: TypeAlias = Mapping[str, Criterion]
"""A conjunction over axes and parameters by name: it holds for a cell when every criterion does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """A named, ordered tuple of points. `when` lets it apply to some cells only; elsewhere it collapses."""

    name: str
    points: tuple[Point, ...]
    title: str = ""
    description: str = ""
    when: Rule = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where requests go, without secrets.

    Attributes:
        name: "embedded" (the server in-process over the diffusers engine), "sketch" (the server in-process over the
            sketch engine) or a URL such as `https://host/api/v1/enterprise`.
        key: a reference to the key such as `${env:MODELSLAB_API_KEY}`; never the key itself.
        model_dir: folder of models for the embedded engine; empty for the one that ships.
    """

    name: str = "embedded"
    key: str = ""
    model_dir: str = ""

    @property
    def hosted(self) -> bool:
        """Whether requests leave this process."""
        return "://" in self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a run may spend. None is no limit.

    Attributes:
        requests: sends, every attempt counted.
        images: pictures that were made, or may have been.
        cost: of these, in the price's currency.
        wall: seconds by the clock on the wall.
        failures: cells in a row that could not be made; a refusal of a cell is a result and does not count.
    """

    requests: int | None = None
    images: int | None = None
    cost: float | None = None
    wall: float | None = None
    failures: int | None = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What was sent, and the images that were made or may have been."""

    requests: int = 0
    images: int = 0


Method: TypeAlias = Literal["sobol", "latin", "random"]
"""How a sample is drawn: a scrambled Sobol sequence, a Latin hypercube, or every combination equally likely."""

METHODS: tuple[Method, ...] = ("sobol", "latin", "random")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """How many of the combinations to take, and how they are drawn: the same seed draws the same."""

    count: int
    method: Method = "sobol"
    seed: int = 0


Order: TypeAlias = Literal["balanced", "plan", "slow-first"]
"""In which order cells are sent: spread evenly over every axis, as the file says, or as few changes of model, VAE and
LoRAs as can be and evenly within."""

ORDERS: tuple[Order, ...] = ("balanced", "plan", "slow-first")


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """How a plan is sent.

    Attributes:
        concurrency: requests at once, at most.
        start: requests at once at first; None leaves it to the pace (`runner.pace.throttle`).
        rate: requests a second; None is as fast as they are answered.
        attempts: tries a cell.
        order: which cells come first; None leaves it to the target (`runner.plan.switching`).
    """

    concurrency: int = 4
    start: int | None = None
    rate: float | None = None
    attempts: int = 4
    order: Order | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the user asks of a run that is under way; None leaves a setting as it is.

    Attributes:
        concurrency: requests at once, at most.
        rate: requests a second.

    Raises:
        ValueError: with either of them nothing would ever be sent.
    """

    concurrency: int | None = None
    rate: float | None = None

    def __post_init__(self) -> None:
        if self.concurrency is not None and self.concurrency < 1:
            raise ValueError(f"a concurrency of {self.concurrency} sends nothing; give 1 or more")
        if self.rate is not None and not 0 < self.rate < inf:
            raise ValueError(f"a rate of {self.rate} a second is none; give a number above 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where the page puts each axis at first; its readers can move them. `baseline` names one point an axis."""

    x: str = ""
    y: str = ""
    columns: str = ""
    rows: str = ""
    baseline: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """What the YAML file says, checked against the schemas.

    Attributes:
        parameters: in every cell; canonical values or templates.
        axes: in the order of the file, which is the order of the plan (the last varies fastest).
        zips: groups of axis names that advance in lockstep.
        exclude: combinations to leave out; include: combinations to add or to extend, as in a GitHub Actions matrix.
        on_invalid: what to do with a combination that the endpoint would refuse.
        sample: how many of the combinations that are left to take; None takes all.
        price: cost of one image, None when unknown.
        inputs: local image files by their SHA-256 (see `INPUT_SCHEME`): the paths they were read from.
        source: the file's text, kept beside the plan; it takes no part in what the plan is.
    """

    name: str
    title: str = ""
    description: str = ""
    target: Address = field(default_factory=Address)
    endpoint: Endpoint = "text2img"
    parameters: Mapping[str, Value | Template] = field(default_factory=dict)
    axes: tuple[Axis, ...] = ()
    zips: tuple[tuple[str, ...], ...] = ()
    exclude: tuple[Rule, ...] = ()
    include: tuple[Mapping[str, Value], ...] = ()
    on_invalid: Literal["error", "skip"] = "error"
    sample: Sample | None = None
    limits: Limits = field(default_factory=Limits)
    price: float | None = None
    execution: Execution = field(default_factory=Execution)
    report: Layout = field(default_factory=Layout)
    inputs: Mapping[str, str] = field(default_factory=dict)
    source: str = field(default="", compare=False, repr=False)
