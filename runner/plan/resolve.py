"""A combination becomes a request: parameters merged, templates filled, LoRAs stacked, defaults written out."""

from collections.abc import Container, Mapping

from runner.canon import number
from runner.nouns import Experiment, Request, Template, Value
from runner.plan.expand import Combination
from runner.plan.templates import TemplateRefusedError, fill
from runner.schema import EndpointSchema

UNSAID_SEED = 1
"""The seed of an experiment that names none: always explicit, so that running again gives the same picture."""


class UnresolvedError(ValueError):
    """A combination has no request: a template cannot be filled there, or LoRAs and strengths do not match."""


def resolve(experiment: Experiment, combination: Combination, schema: EndpointSchema) -> Request:
    """Return the request that a combination means.

    Later wins: the endpoint's defaults, the file's parameters, the points in the order of the axes, `include`. A null
    is the endpoint's default again, but for the seed, which the server then draws.

    Raises:
        UnresolvedError: a template cannot be filled, or LoRAs and strengths do not match.
    """
    parameters = resolve_some(experiment, combination, schema, None)
    return Request(
        endpoint=experiment.endpoint,
        parameters=parameters,
        repeat=combination.repeat if parameters["seed"] is None else 0,
    )


def resolve_some(
    experiment: Experiment, combination: Combination, schema: EndpointSchema, names: Container[str] | None
) -> dict[str, Value]:
    """Return some parameters of the request that a combination means, all of them for None.

    `lora_model` and `lora_strength` are asked for together, because LoRAs stack on both.

    Raises:
        UnresolvedError: one of them cannot be had, see `resolve`.
    """
    settings, variables = _merged(experiment, combination, schema)
    defaults = schema.defaults
    if names is not None:
        settings = {name: value for name, value in settings.items() if name in names}
        defaults = {name: value for name, value in defaults.items() if name in names}
    filled = {
        name: _filled(name, value, variables, schema) if isinstance(value, Template) else value
        for name, value in settings.items()
    }
    if (names is None or "lora_model" in names) and any(point.loras for point in combination.points.values()):
        filled |= _stacked(filled, combination)
    given = {name: value for name, value in filled.items() if value is not None}
    seed = {"seed": filled.get("seed", UNSAID_SEED)} if names is None or "seed" in names else {}
    return {**defaults, **given, **seed}


def _merged(
    experiment: Experiment, combination: Combination, schema: EndpointSchema
) -> tuple[dict[str, Value | Template], dict[str, str]]:
    settings = dict(experiment.parameters)
    variables: dict[str, str] = {}
    for point in combination.points.values():
        settings.update(point.set)
        variables.update(point.variables)
    for name, value in combination.extras.items():
        if name in schema.properties:
            settings[name] = value
        else:
            variables[name] = "null" if value is None else str(value)
    return settings, variables


def _filled(name: str, template: Template, variables: Mapping[str, str], schema: EndpointSchema) -> Value:
    try:
        text = fill(template.source, variables)
    except TemplateRefusedError as error:
        known = ", ".join(sorted(variables)) or "none"
        raise UnresolvedError(f"{name}: {error}; variables set for this combination are {known}") from error
    return schema.spell(name, text) if name in schema.properties else text


def _stacked(settings: Mapping[str, Value], combination: Combination) -> dict[str, Value]:
    """Stack the axes' LoRAs on each other and on the base. A strength of 0 leaves a LoRA out; the later axis wins."""
    names, strengths = _split(settings.get("lora_model")), _split(settings.get("lora_strength"))
    if len(names) != len(strengths):
        raise UnresolvedError(
            f"lora_model names {len(names)} and lora_strength has {len(strengths)} for the axes to add to; "
            "give one strength for each LoRA"
        )
    stacked = dict(zip(names, strengths, strict=True))
    for point in combination.points.values():
        for name, strength in point.loras.items():
            stacked[name] = str(number(strength))
            if strength == 0:
                del stacked[name]
    return {"lora_model": ",".join(stacked) or None, "lora_strength": ",".join(stacked.values()) or None}


def _split(value: Value) -> list[str]:
    return value.split(",") if isinstance(value, str) else []
