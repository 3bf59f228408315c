"""Experiments in a line each: what the tests of planning, tables and folders share."""

from collections.abc import Mapping
from typing import Any

from runner.nouns import Axis, Criterion, Experiment, Point, Provider, Rule, Template, Value
from runner.plan import Plan, make

PROVIDER = Provider(target="sketch", models={"studio-tiny": "ab" * 32})
BASE: Mapping[str, Value | Template] = {"model_id": "studio-tiny", "prompt": "a house", "seed": 1}


def axis(name: str, *values: Value, when: Rule | None = None) -> Axis:
    """Return an axis over an endpoint's parameter."""
    points = (Point(label="null" if value is None else str(value), set={name: value}) for value in values)
    return Axis(name=name, points=tuple(points), when=when or {})


def variable(name: str, *texts: str) -> Axis:
    """Return an axis over a template's variable."""
    return Axis(name=name, points=tuple(Point(label=text, variables={name: text}) for text in texts))


def lora(name: str, *strengths: float, axis_name: str = "") -> Axis:
    """Return an axis over a LoRA's strength."""
    points = (Point(label=str(strength), loras={name: strength}) for strength in strengths)
    return Axis(name=axis_name or name, points=tuple(points))


def draws(count: int) -> Axis:
    """Return a seed axis whose seeds the server draws."""
    return Axis(
        name="seed", points=tuple(Point(label=f"random {number}", set={"seed": None}) for number in range(count))
    )


def one_of(*values: Value) -> Criterion:
    return Criterion(anyof=values)


def experiment(*axes: Axis, parameters: Mapping[str, Value | Template] = BASE, **rest: Any) -> Experiment:
    return Experiment(name="test", parameters=parameters, axes=axes, **rest)


def plan(*axes: Axis, parameters: Mapping[str, Value | Template] = BASE, **rest: Any) -> Plan:
    return make(experiment(*axes, parameters=parameters, **rest), PROVIDER)


def grid(found: Plan) -> list[str]:
    """Return each placement's labels as one text, in the order of the plan."""
    return [" ".join(placement.coordinates.values()) for placement in found.placements()]


def asked(found: Plan, *names: str) -> list[tuple[Value, ...]]:
    """Return what each placement asks for under some names, in the order of the plan; absent is None."""
    return [tuple(placement.request.parameters.get(name) for name in names) for placement in found.placements()]
