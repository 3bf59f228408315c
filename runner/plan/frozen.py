"""A plan as JSON: what `plan.json` holds, and back. Cells are not in it; they derive from the axes."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from runner.nouns import (
    Address,
    Axis,
    Criterion,
    Execution,
    Experiment,
    Layout,
    Limits,
    Point,
    Provider,
    Rule,
    Template,
    Value,
)

PLAN_VERSION = 1


def freeze(experiment: Experiment, provider: Provider) -> dict[str, Any]:
    """Return the JSON value of an experiment and who makes its pictures."""
    return {
        "version": PLAN_VERSION,
        "experiment": _plain(_said(experiment)),
        "provider": _plain(asdict(provider)),
    }


def thaw(document: Mapping[str, Any]) -> tuple[Experiment, Provider]:
    """Return the experiment and the provider that `freeze` was given.

    Raises:
        ValueError: another version wrote the document.
    """
    if document.get("version") != PLAN_VERSION:
        raise ValueError(
            f"plan version {document.get('version')!r} is not {PLAN_VERSION}, the one that this version reads"
        )
    said = dict(document["experiment"])
    said |= {
        "target": Address(**said["target"]),
        "parameters": _values(said["parameters"]),
        "axes": tuple(_axis(axis) for axis in said["axes"]),
        "zips": tuple(tuple(group) for group in said["zips"]),
        "exclude": tuple(_rule(rule) for rule in said["exclude"]),
        "include": tuple(said["include"]),
        "limits": Limits(**said["limits"]),
        "execution": Execution(**said["execution"]),
        "report": Layout(**said["report"]),
    }
    return Experiment(**said), Provider(**document["provider"])


def essence(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return what makes a frozen plan the plan that it is: all but where its files lay on this machine."""
    experiment = dict(document["experiment"])
    experiment["inputs"] = sorted(experiment["inputs"])
    experiment["target"] = {name: value for name, value in experiment["target"].items() if name != "model_dir"}
    return {"version": document["version"], "experiment": experiment, "provider": document["provider"]}


def _said(experiment: Experiment) -> dict[str, Any]:
    """Return the experiment's fields; `dataclasses.asdict` would lose which texts are templates.

    Input files keep their names without the folders above them, which mean nothing on another machine.
    """
    said = {field.name: getattr(experiment, field.name) for field in fields(experiment) if field.name != "source"}
    return said | {"inputs": {sha256: Path(path).name for sha256, path in experiment.inputs.items()}}


def _plain(value: Any) -> Any:
    match value:
        case Template():
            return {"template": value.source}
        case Mapping():
            return {name: _plain(item) for name, item in value.items()}
        case tuple() | list():
            return [_plain(item) for item in value]
        case Axis() | Point() | Criterion() | Address() | Limits() | Execution() | Layout():
            return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
        case _:
            return value


def _axis(said: Mapping[str, Any]) -> Axis:
    return Axis(**{**said, "points": tuple(_point(point) for point in said["points"]), "when": _rule(said["when"])})


def _point(said: Mapping[str, Any]) -> Point:
    return Point(**{**said, "set": _values(said["set"])})


def _rule(said: Mapping[str, Any]) -> Rule:
    return {
        name: Criterion(**{**criterion, "anyof": tuple(criterion["anyof"]), "noneof": tuple(criterion["noneof"])})
        for name, criterion in said.items()
    }


def _values(said: Mapping[str, Any]) -> dict[str, Value | Template]:
    return {name: Template(value["template"]) if isinstance(value, dict) else value for name, value in said.items()}
