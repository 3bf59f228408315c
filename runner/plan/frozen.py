"""A plan as JSON: what `plan.json` holds, and back.

Cells are not in it; they derive from the axes. A sample's are there by their places, so that another version of the
library that drew them cannot change a run.
"""

from collections.abc import Mapping, Sequence
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
    Sample,
    Template,
    Value,
)
from runner.plan.expand import Place

PLAN_VERSION = 2

READ = (1, PLAN_VERSION)
"""Versions that `thaw` reads: the first knew neither samples nor orders, nor a limit of failures in a row."""


def freeze(experiment: Experiment, provider: Provider, chosen: Sequence[Place] | None = None) -> dict[str, Any]:
    """Return the JSON value of an experiment, who makes its pictures and, for a sample, which combinations it took.

    A combination is a text such as `0.12.3`: which point of each group of axes, counted from 0.
    """
    sampled = {} if chosen is None else {"chosen": [".".join(map(str, place)) for place in chosen]}
    return {
        "version": PLAN_VERSION,
        "experiment": _plain(_said(experiment)),
        "provider": _plain(asdict(provider)),
        **sampled,
    }


def thaw(document: Mapping[str, Any]) -> tuple[Experiment, Provider, tuple[Place, ...] | None]:
    """Return the experiment, the provider and the sample's places that `freeze` was given, of this version or an earlier.

    Raises:
        ValueError: a later version wrote the document.
    """
    if document.get("version") not in READ:
        raise ValueError(f"plan version {document.get('version')!r} is none of those that this sweep reads, 1 and 2")
    said = dict(document["experiment"])
    said |= {
        "target": Address(**said["target"]),
        "parameters": _values(said["parameters"]),
        "axes": tuple(_axis(axis) for axis in said["axes"]),
        "zips": tuple(tuple(group) for group in said["zips"]),
        "exclude": tuple(_rule(rule) for rule in said["exclude"]),
        "include": tuple(said["include"]),
        "sample": Sample(**said["sample"]) if said.get("sample") else None,
        "limits": Limits(**said["limits"]),
        "execution": Execution(**said["execution"]),
        "report": Layout(**said["report"]),
    }
    chosen = tuple(_place(text) for text in document["chosen"]) if "chosen" in document else None
    return Experiment(**said), Provider(**document["provider"]), chosen


def essence(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return what makes a frozen plan the plan that it is: all but where its files lay on this machine."""
    experiment = dict(document["experiment"])
    experiment["inputs"] = sorted(experiment["inputs"])
    experiment["target"] = {name: value for name, value in experiment["target"].items() if name != "model_dir"}
    sampled = {name: document[name] for name in ("chosen",) if name in document}
    return {"version": document["version"], "experiment": experiment, "provider": document["provider"], **sampled}


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
        case Axis() | Point() | Criterion() | Address() | Sample() | Limits() | Execution() | Layout():
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


def _place(text: str) -> Place:
    return tuple(map(int, text.split(".")))
