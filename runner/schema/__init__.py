"""What an endpoint accepts: one spelling for each value, ranges, cross-field rules.

The JSON Schemas in `schemas/` are the source; this package reads them, brings values to their canonical spelling, and
says in words what does not fit. Checking a cell is factorised: a value is checked once per (parameter, value), a
cross-field rule once per combination of the values that it mentions, so that a sweep's millionth cell costs a few
dictionary look-ups.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from runner.nouns import Endpoint, Value
from runner.schema.shelf import bundled, registry, schema_names
from runner.schema.spelling import LISTS, Speller, speller
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
"""Values and combinations that a schema remembers as checked, at most: a sweep's axes fit, and a server that is asked
for new prompts without end does not grow."""

LONGEST_REMEMBERED = 1024
"""Characters of the longest text that is remembered: prompts, not pictures in base64."""

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
    _spellers: Mapping[str, Speller] = field(init=False, compare=False, repr=False)
    _validators: Mapping[str, Any] = field(init=False, compare=False, repr=False)
    _ruled: tuple[str, ...] = field(init=False, compare=False, repr=False)
    _fitting: set[tuple[str, object]] = field(default_factory=set, init=False, compare=False, repr=False)
    _kept: dict[tuple[object, ...], tuple[Misfit, ...]] = field(
        default_factory=dict, init=False, compare=False, repr=False
    )

    def __post_init__(self) -> None:
        declared = {name: schema.get("default") for name, schema in self.properties.items()}
        spellers = {name: speller(name, schema) for name, schema in self.properties.items()}
        object.__setattr__(self, "defaults", {name: value for name, value in declared.items() if value is not None})
        object.__setattr__(self, "_spellers", spellers)
        validators = {name: BodyValidator(schema) for name, schema in self.properties.items()}
        object.__setattr__(self, "_validators", validators)  # one made for each value would be two thirds of a check
        object.__setattr__(self, "_ruled", tuple(sorted({name for rule in self.rules for name in rule["x-names"]})))

    def spell(self, name: str, value: object) -> Value:
        """Return the canonical spelling of a parameter's value: 512 for "512", "yes" for true, "0.5,1" for [0.5, 1.0].

        A value that has no such spelling is returned as it is, for `misfit` to complain of.
        """
        return self._spellers[name](value)

    def misfit(self, name: str, value: object) -> str | None:
        """Return what is wrong with one parameter's canonical value, or None."""
        if not isinstance(value, str | int | float | None):
            return f"{show(value)} is not one value ({self.name})"
        if (name, value) in self._fitting and not isinstance(value, bool):  # no parameter is a boolean, and True == 1
            return None
        error = next(self._validators[name].iter_errors(value), None)
        if error is not None:
            return f"{describe(error)} ({self.name})"
        if _rememberable(value):
            _make_room(self._fitting)
            self._fitting.add((name, value))
        return None

    def misfits(self, parameters: Mapping[str, Value]) -> Iterator[Misfit]:
        """Yield everything that the endpoint would refuse about a body: what is missing, each value, then the rules."""
        missing = any(name not in parameters for name in self.required)
        if missing or not self._all_fit(parameters):
            yield from self.misfits_alone(parameters, self.required)
        yield from self._broken(parameters)

    def misfits_alone(self, values: Mapping[str, Value], names: Iterable[str]) -> Iterator[Misfit]:
        """Yield what the endpoint would refuse about some of a body's parameters, each looked at alone.

        Args:
            values: those of them that are there.
            names: which parameters; one that is required and not there is a misfit.
        """
        for name in names:
            if name in self.required and name not in values:
                yield Misfit((name,), f"{name} is required by {self.name}; add it")
        for name, value in values.items():
            if name not in self.properties:
                yield Misfit((name,), self.unknown(name))
            elif message := self.misfit(name, value):
                yield Misfit((name,), f"{name}: {message}")

    def broken(self, rule: Mapping[str, Any], parameters: Mapping[str, Value]) -> Iterator[Misfit]:
        """Yield how a body breaks one of `rules`; it need not hold more than the parameters in the rule's `x-names`."""
        return _break(rule, parameters, self.name)

    def unknown(self, name: str) -> str:
        """Say that a name is no parameter of this endpoint, and which one was probably meant."""
        return f"{name!r} is no parameter of {self.name}{did_you_mean(name, self.properties)}"

    def _all_fit(self, parameters: Mapping[str, Value]) -> bool:
        """Return whether each value of a body is known to fit, in one comparison of sets."""
        try:
            return bool not in map(type, parameters.values()) and parameters.items() <= self._fitting
        except TypeError:  # a list or a mapping where one value belongs has no hash
            return False

    def _broken(self, parameters: Mapping[str, Value]) -> tuple[Misfit, ...]:
        """Return the rules that a body breaks, remembered by the values that they mention."""
        key = tuple(parameters.get(name, _ABSENT) for name in self._ruled)
        rememberable = all(map(_rememberable, key))
        if rememberable and key in self._kept:
            return self._kept[key]
        found = tuple(misfit for rule in self.rules for misfit in _break(rule, parameters, self.name))
        if rememberable:
            _make_room(self._kept)
            self._kept[key] = found
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


def _rememberable(value: object) -> bool:
    return len(value) <= LONGEST_REMEMBERED if isinstance(value, str) else not isinstance(value, list | dict)


def _make_room(memory: set[Any] | dict[Any, Any]) -> None:
    if len(memory) >= REMEMBERED:
        memory.clear()


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
