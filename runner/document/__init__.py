"""YAML text becomes an Experiment, or complaints with line numbers: every complaint at once.

    load(path)      an Experiment, or ExperimentError with everything that is wrong
    check(path)     everything that is wrong, and nothing when all is well
    loads(text)     the same as `load` for text

Stages: `inheriting` reads a file and what it extends into a tree that knows its places (`reading`, `merging`), `structure`
holds the tree against `schemas/experiment.schema.json`, `building` reads what it says. A stage complains of what it finds
and hands on the rest, so that one mistake hides no other and none is told twice. `docs/experiment-file.md` is the language.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from runner.document.building import build
from runner.document.complaints import Complaints
from runner.document.inheriting import Inheritance
from runner.document.merging import override
from runner.document.structure import conform
from runner.document.tree import Fields, Source, Spot
from runner.errors import Complaint, ExperimentError
from runner.nouns import Experiment

__all__ = ["check", "load", "loads"]

COMMAND_LINE = "--set"
"""How complaints call the place of an override."""


def load(path: Path, *, overrides: Sequence[str] = ()) -> Experiment:
    """Return the experiment in a file.

    Args:
        path: a YAML file. Relative paths in it start from its folder.
        overrides: `path=value` pairs on top of the file, as if written in it: `axes.seed=[1,2]`.

    Raises:
        ExperimentError: something is wrong; it has every complaint.
    """
    complaints = Complaints()
    return _without_complaints(_load(path, overrides, complaints), complaints)


def check(path: Path, *, overrides: Sequence[str] = ()) -> tuple[Complaint, ...]:
    """Return every complaint about a file, in the order of its lines; none when `load` would return an experiment."""
    complaints = Complaints()
    _load(path, overrides, complaints)
    return complaints.found()


def loads(text: str, *, folder: Path, name: str = "<text>", overrides: Sequence[str] = ()) -> Experiment:
    """Return the experiment that a text says.

    Args:
        text: YAML.
        folder: what relative paths in the text start from.
        name: what complaints call the text; without a `name` key it also names the experiment.
        overrides: as for `load`.

    Raises:
        ExperimentError: something is wrong; it has every complaint.
    """
    complaints = Complaints()
    source = Source(name, folder)
    tree = Inheritance(complaints).document(text, source)
    experiment = _read(tree, source, overrides, complaints)
    return _without_complaints(experiment and replace(experiment, source=text), complaints)


def _load(path: Path, overrides: Sequence[str], complaints: Complaints) -> Experiment | None:
    source = Source(str(path), path.parent)
    inheritance = Inheritance(complaints)
    experiment = _read(inheritance.file(path, Spot(source)), source, overrides, complaints)
    return experiment and replace(experiment, source=inheritance.text)


def _read(tree: Fields | None, source: Source, overrides: Sequence[str], complaints: Complaints) -> Experiment | None:
    if tree is None:
        return None
    command_line = Source(COMMAND_LINE, source.folder, lined=False)
    for text in overrides:
        tree = override(tree, text, command_line, complaints)
    return build(conform(tree, complaints), Spot(source, 1, 1), complaints)


def _without_complaints(experiment: Experiment | None, complaints: Complaints) -> Experiment:
    found = complaints.found()
    if found or experiment is None:
        raise ExperimentError(found)
    return experiment
