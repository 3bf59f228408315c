"""The parameters that every cell has."""

from dataclasses import dataclass

from runner.document.complaints import Complaints
from runner.document.tree import Fields, Node, Unreadable
from runner.document.values import Values
from runner.nouns import Template, Value


@dataclass(frozen=True, slots=True)
class Base:
    """What `parameters` says.

    Attributes:
        values: canonical values and templates, of those that fit.
        names: every parameter that it is meant to set, whether or not the value fits.
        whole: whether the names are all known.
    """

    values: dict[str, Value | Template]
    names: frozenset[str]
    whole: bool = True


def read_parameters(node: Node | None, values: Values, complaints: Complaints) -> Base:
    """Return the base parameters; a misspelt name is complained of and then read as what it means."""
    if not isinstance(node, Fields):
        return Base({}, frozenset(), whole=not isinstance(node, Unreadable))
    found: dict[str, Value | Template] = {}
    names: set[str] = set()
    absent = [name for name in values.schema.properties if name not in node.fields]
    for name, item in node.fields.items():
        meant = name if name in values.schema.properties else values.meant(name, absent)
        with complaints.collecting():
            if meant != name:
                complaints.add(node.keys[name], values.unknown(name))
            if meant is not None:
                names.add(meant)
                found[meant] = values.parameter(meant, item)
    return Base(found, frozenset(names))
