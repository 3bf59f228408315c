"""What an endpoint accepts: one spelling for each value, ranges, cross-field rules.

The JSON Schemas in `schemas/` are the source; this package reads them, brings values to their canonical spelling, and
says in words what does not fit. Checking a cell is factorised: a value is checked once per (parameter, value), a
cross-field rule once per combination of the values that it mentions, so that a sweep's millionth cell costs a few
dictionary look-ups.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from runner.nouns import Endpoint, Value
from runner.schema.shelf import bundled, registry, schema_names
from runner.schema.spelling import LISTS, spelled
from runner.schema.strict import BodyValidator
from runner.schema.words import describe, did_you_mean, show

__all__ = [
    "LISTS",
    "BodyValidator",
    "EndpointSchema",
    "Misfit",
    "bundled",
    "describe",
    "did_you_mean",
    "endpoint_schema",
    "registry",
    "schema_names",
]

REMEMBERED = 16_384
"""Verdicts that a schema remembers at most: a sweep's axes fit, and a server that is asked for new prompts without end
does not grow."""

LONGEST_REMEMBERED = 1024
"""Characters of the longest text that a verdict is remembered for: prompts, not pictures in base64."""

_ABSENT = object()


@dataclass(frozen=True, slots=True)
class Misfit:
    """Something that the endpoint would refuse: the parameters concerned, and what is wrong in words."""

    names: tuple[str, ...]
    message: str


@dataclass(frozen=True, slots=True)
class EndpointSchema:
    """One endpoint's parameters and rules. Build it with `endpoint_schema`.

    Attributes:
        properties: JSON Schema of each parameter, references resolved.
        required: parameters that a body must have.
        rules: cross-field rules, each a JSON Schema over the whole body.
        defaults: the value that the endpoint gives each absent parameter; those whose default is null are not here.
    """

    name: Endpoint
    properties: Mapping[str, Mapping[str, Any]]
    required: tuple[str, ...]
    rules: tuple[Mapping[str, Any], ...]
    defaults: Mapping[str, Value] = field(init=False, compare=False)
    _value_memo: dict[tuple[str, type, object], str | None] = field(default_factory=dict, compare=False, repr=False)
    _rule_memo: dict[tuple[object, ...], tuple[Misfit, ...]] = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        declared = {name: schema.get("default") for name, schema in self.properties.items()}
        defaults = {name: value for name, value in declared.items() if value is not None}
        object.__setattr__(self, "defaults", defaults)

    def spell(self, name: str, value: object) -> Value:
        """Return the canonical spelling of a parameter's value: 512 for "512", "yes" for true, "0.5,1" for [0.5, 1.0].

        A value that has no such spelling is returned as it is, for `misfit` to complain of.
        """
        return spelled(name, self.properties[name], value)

    def misfit(self, name: str, value: object) -> str | None:
        """Return what is wrong with one parameter's canonical value, or None."""
        if not isinstance(value, str | int | float | None):
            return f"{show(value)} is not one value ({self.name})"
        key = (name, type(value), value)
        if key in self._value_memo:
            return self._value_memo[key]
        error = next(BodyValidator(self.properties[name]).iter_errors(value), None)
        message = error and f"{describe(error)} ({self.name})"
        _remember(self._value_memo, key, message)
        return message

    def misfits(self, parameters: Mapping[str, Value]) -> Iterator[Misfit]:
        """Yield everything that the endpoint would refuse about a whole body, in the order of the schema."""
        for name in self.required:
            if name not in parameters:
                yield Misfit((name,), f"{name} is required by {self.name}; add it")
        for name, value in parameters.items():
            if name not in self.properties:
                yield Misfit((name,), self.unknown(name))
            elif message := self.misfit(name, value):
                yield Misfit((name,), f"{name}: {message}")
        for index in range(len(self.rules)):
            yield from self._broken(index, parameters)

    def unknown(self, name: str) -> str:
        """Say that a name is no parameter of this endpoint, and which one was probably meant."""
        return f"{name!r} is no parameter of {self.name}{did_you_mean(name, self.properties)}"

    def _broken(self, index: int, parameters: Mapping[str, Value]) -> tuple[Misfit, ...]:
        rule = self.rules[index]
        values = [parameters.get(name, _ABSENT) for name in rule["x-names"]]
        key = (index, *values, *map(type, values))
        try:
            if key in self._rule_memo:
                return self._rule_memo[key]
        except TypeError:  # a list or a mapping where one value belongs: `misfit` has complained of it
            return tuple(_break(rule, parameters, self.name))
        found = tuple(_break(rule, parameters, self.name))
        _remember(self._rule_memo, key, found)
        return found


@cache
def endpoint_schema(name: Endpoint) -> EndpointSchema:
    """Return the schema of one endpoint, read once from the files that ship."""
    document = bundled(name)
    rules = [dict(rule) for rule in document.get("allOf", ())]
    for subject, others in document.get("dependentRequired", {}).items():
        rules += [
            {"dependentRequired": {subject: [other]}, "x-message": f"{subject} needs {other} beside it; add it"}
            for other in others
        ]
    return EndpointSchema(
        name=name,
        properties=document["properties"],
        required=tuple(document["required"]),
        rules=tuple(rule | {"x-names": tuple(sorted(_mentions(rule)))} for rule in rules),
    )


def _remember(memo: dict[Any, Any], key: tuple[object, ...], verdict: object) -> None:
    if any(isinstance(part, str) and len(part) > LONGEST_REMEMBERED for part in key):
        return
    if len(memo) >= REMEMBERED:
        memo.clear()
    memo[key] = verdict


def _break(rule: Mapping[str, Any], parameters: Mapping[str, Value], endpoint: str) -> Iterator[Misfit]:
    mentioned = {name: parameters[name] for name in rule["x-names"] if name in parameters}
    for error in BodyValidator(rule).iter_errors(mentioned):
        said = {name: mentioned.get(name, "none") for name in rule["x-names"]}
        message = rule["x-message"].format(**said) if "x-message" in rule else error.message
        yield Misfit(rule["x-names"], f"{message} ({endpoint})")


def _mentions(rule: Mapping[str, Any]) -> set[str]:
    names = set(rule.get("x-same-count", ())) | set(rule.get("required", ())) | set(rule.get("properties", ()))
    for subject, others in rule.get("dependentRequired", {}).items():
        names |= {subject, *others}
    for keyword in ("if", "then", "else", "not"):
        if keyword in rule:
            names |= _mentions(rule[keyword])
    return names
