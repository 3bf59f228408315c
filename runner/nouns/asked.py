"""What is asked: of which endpoint, with which values, and who answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Value: TypeAlias = str | int | float | None
"""A parameter's value in its canonical spelling: yes/no as "yes" and "no", numbers as numbers, lists as "a,b"."""

Endpoint: TypeAlias = Literal["text2img", "img2img", "inpaint"]
"""One route of the API."""

ENDPOINTS: tuple[Endpoint, ...] = ("text2img", "img2img", "inpaint")

INPUT_SCHEME = "sha256:"
"""Prefix of an init_image or mask_image that is a local file: `sha256:<hex>`; its bytes lie in the run folder."""


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
