"""The vocabulary: what every floor above talks about. Frozen dataclasses, valid once constructed, no I/O.

Experiment ── Axis ── Point          what the file says
Plan (in `runner.plan`) ── Cell ── Request
Request ── sent ──> Ready | Queued | Refused | Unknown      one reply
Cell ── attempts ──> Made | Refused | Failed | Unknown      one outcome
Generation                                                  what an engine is asked for: one image
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import inf
from typing import Literal, TypeAlias

Value: TypeAlias = str | int | float | None
"""A parameter's value in its canonical spelling: yes/no as "yes" and "no", numbers as numbers, lists as "a,b"."""

Endpoint: TypeAlias = Literal["text2img", "img2img", "inpaint"]
"""One route of the API."""

ENDPOINTS: tuple[Endpoint, ...] = ("text2img", "img2img", "inpaint")

INPUT_SCHEME = "sha256:"
"""Prefix of an init_image or mask_image that is a local file: `sha256:<hex>`; its bytes lie in the run folder."""


# --- what the file says -------------------------------------------------------------------------------------------


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


# --- what is asked ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The resolved, secret-free ask: route and parameters, the endpoint's defaults and the seed written out.

    Attributes:
        parameters: canonical values by attribute name, without `key`. `seed` is always there; None asks the server
            to draw one, and only then `repeat` tells equal requests apart.
        repeat: 0, or the number of this repetition of an otherwise equal request with a seed that the server draws.
    """

    endpoint: Endpoint
    parameters: Mapping[str, Value]
    repeat: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """Who makes the pictures, as far as it changes them: part of a cell's identity.

    Attributes:
        target: "embedded", "sketch", or the URL; never a key.
        models: digest of each model's files by model_id, where the target can tell; empty for a hosted service.
    """

    target: str
    models: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One combination of points that is asked for once.

    Attributes:
        digest: identity, see `runner.plan.identify`.
        coordinates: label by axis name; an axis that does not apply is absent. The first placement in plan order:
            `Plan.placements` gives them all.
        request: what the combination means.
    """

    digest: str
    coordinates: Mapping[str, str]
    request: Request


# --- what comes back ----------------------------------------------------------------------------------------------


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
    """It did not work: attempts used up, or what came back is not an image."""

    message: str


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


# --- what an engine is asked for, and what it gives ---------------------------------------------------------------


SafetyCheckerType: TypeAlias = Literal["sensitive_content_text", "blur", "pixelate", "black"]
"""How an unsafe picture is hidden."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """One image, said in the field's own types: what the server asks of its engine.

    Attributes:
        endpoint: which pipeline.
        width, height: pixels, multiples of 8.
        seed: 0 to 2**32 - 1.
        scheduler: one of the 18 names, or empty for the model's own.
        loras: (name, strength) pairs, applied together.
        strength: share of the denoising that is done on the initial image, 0 to 1; img2img and inpaint only.
        init_image, mask_image: encoded image files (PNG, JPEG, WebP); white in the mask is repainted.
        algorithm_type: "none", or "dpmsolver+++" for the data-prediction solver.
        clip_skip: 1 takes the last hidden layer of the text encoder, 2 the one before it.
        vae: name of another VAE, or empty for the model's own.
        hide: how the picture is hidden if the model's safety checker finds it unsafe; empty does not look.
    """

    endpoint: Endpoint
    model_id: str
    prompt: str
    negative_prompt: str = ""
    width: int = 512
    height: int = 512
    num_inference_steps: int = 21
    guidance_scale: float = 7.5
    seed: int = 0
    scheduler: str = ""
    loras: tuple[tuple[str, float], ...] = ()
    strength: float = 0.7
    init_image: bytes = b""
    mask_image: bytes = b""
    use_karras_sigmas: bool = True
    algorithm_type: str = "none"
    clip_skip: int = 1
    tomesd: bool = True
    vae: str = ""
    hide: SafetyCheckerType | Literal[""] = ""


class Verdict(StrEnum):
    """What a safety checker said of a picture."""

    UNCHECKED = "unchecked"  # it was not asked, or the model has none
    SAFE = "safe"
    UNSAFE = "unsafe"  # the picture is hidden


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """One image as an engine gives it: a PNG file, hidden where the verdict is that it is unsafe."""

    png: bytes
    verdict: Verdict = Verdict.UNCHECKED
