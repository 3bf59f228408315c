"""A combination becomes a request: parameters merged, LoRAs stacked, templates filled, defaults written out."""

from collections.abc import Mapping
from functools import lru_cache

from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from runner.canon import number
from runner.nouns import Experiment, Request, Template, Value
from runner.plan.expand import Combination
from runner.schema import EndpointSchema

UNSAID_SEED = 1
"""The seed of an experiment that names none: always explicit, so that running again gives the same picture."""

_environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True)
# No escaping: what is rendered are prompts, which are text; the page escapes whatever it shows.


class UnresolvedError(ValueError):
    """A combination has no request: a template names a variable that no axis sets there."""


def resolve(experiment: Experiment, combination: Combination, schema: EndpointSchema) -> Request:
    """Return the request that a combination means.

    Later wins: the endpoint's defaults, the file's parameters, the points in the order of the axes, `include`.

    Raises:
        UnresolvedError: a template cannot be filled.
    """
    variables = {name: text for point in combination.points.values() for name, text in point.variables.items()}
    settings: dict[str, Value | Template] = dict(experiment.parameters)
    for point in combination.points.values():
        settings.update(point.set)
    for name, value in combination.extras.items():
        if name in schema.properties:
            settings[name] = value
        else:
            variables[name] = str(value)
    settings.update(_loras(settings, combination))
    seed = {} if "seed" in settings else {"seed": UNSAID_SEED}
    filled = {name: _fill(name, value, variables) for name, value in settings.items()}
    parameters = {**schema.defaults, **seed, **filled}
    return Request(
        endpoint=experiment.endpoint,
        parameters={name: value for name, value in parameters.items() if value is not None or name == "seed"},
        repeat=combination.repeat,
    )


def _loras(settings: Mapping[str, Value | Template], combination: Combination) -> dict[str, Value]:
    """Stack the axes' LoRAs on each other and on the base; a strength of 0 leaves a LoRA out."""
    added = {name: strength for point in combination.points.values() for name, strength in point.loras.items()}
    if not added:
        return {}
    names = _split(settings.get("lora_model"))
    stacked: dict[str, Value] = dict(zip(names, _split(settings.get("lora_strength")), strict=False))
    stacked.update(added)
    kept = {name: strength for name, strength in stacked.items() if strength not in (0, "0")}
    return {
        "lora_model": ",".join(kept) or None,
        "lora_strength": ",".join(_text(strength) for strength in kept.values()) or None,
    }


def _split(value: object) -> list[str]:
    return value.split(",") if isinstance(value, str) else []


def _text(strength: Value) -> str:
    return str(number(strength)) if isinstance(strength, int | float) else str(strength)


def _fill(name: str, value: Value | Template, variables: Mapping[str, str]) -> Value:
    if not isinstance(value, Template):
        return value
    try:
        return _render(value.source, tuple(sorted(variables.items())))
    except TemplateError as error:
        known = ", ".join(sorted(variables)) or "none"
        raise UnresolvedError(f"{name}: {error.message}; variables set for this combination are {known}") from error


@lru_cache(maxsize=4096)
def _render(source: str, variables: tuple[tuple[str, str], ...]) -> str:
    return _environment.from_string(source).render(dict(variables))
