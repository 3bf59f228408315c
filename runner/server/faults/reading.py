"""A file of faults becomes Faults, or every complaint about it with its line."""

from pathlib import Path
from typing import Any

from runner.document.complaints import Complaints
from runner.document.opening import open_text
from runner.document.reading import read
from runner.document.structure import conform
from runner.document.tree import Fields, Items, Node, Source, Spot, plain
from runner.errors import ExperimentError
from runner.server.faults.kinds import GROUPS, HOME, KINDS, Delay, Fault, Faults, SlowBody

BIGGEST = 1024 * 1024
"""Bytes of one file."""

COUNTS = ("chance", "after", "every", "first")


def load(path: Path) -> Faults:
    """Return the faults that a YAML file describes.

    Raises:
        ExperimentError: something is wrong; it has every complaint.
    """
    complaints = Complaints()
    source = Source(str(path), path.parent)
    with complaints.collecting():
        tree = read(open_text(path, BIGGEST, Spot(source)), source, complaints)
        if isinstance(tree, Fields):
            tree = conform(tree, complaints, schema="faults")
            _check_ranges(tree, complaints)
        elif not complaints.found():
            place = Spot(source, 1, 1) if tree is None else tree.spot
            complaints.add(place, "a file of faults is a mapping; write `faults:` and a list below it")
    if complaints.found():
        raise ExperimentError(complaints.found())
    return _faults(plain(tree))  # type: ignore[arg-type]  # nothing was complained of, so that there is a tree


def _check_ranges(tree: Fields, complaints: Complaints) -> None:
    listed = tree.fields.get("faults")
    for fault in listed.items if isinstance(listed, Items) else ():
        node: Node | None = fault.fields.get("seconds") if isinstance(fault, Fields) else None
        pair = plain(node) if isinstance(node, Items) else []
        if node is not None and all(isinstance(end, int | float) for end in pair) and pair != sorted(pair):
            complaints.add(node.spot, f"the range runs backwards; write [{', '.join(map(str, sorted(pair)))}]")


def _faults(said: dict[str, Any]) -> Faults:
    return Faults(seed=said.get("seed", 0), faults=tuple(map(_fault, said["faults"])))


def _fault(said: dict[str, Any]) -> Fault:
    kind = KINDS[said["kind"]]
    route = said.get("route") or HOME.get(kind, "make")
    counts = {name: said[name] for name in COUNTS if name in said}
    own = {name: value for name, value in said.items() if name not in ("kind", "route", *COUNTS)}
    if kind in (Delay, SlowBody):
        own["seconds"] = _span(own["seconds"])
    return Fault(act=kind(**own), routes=GROUPS.get(route, frozenset({route})), **counts)


def _span(said: float | list[float]) -> tuple[float, float]:
    return (said[0], said[1]) if isinstance(said, list) else (said, said)
