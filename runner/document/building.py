"""A tree of the right shape becomes an Experiment; whatever is wrong with what it says is complained of."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Literal, cast

from runner.document import settings
from runner.document.axes import Axes, read_axes
from runner.document.complaints import Complaints, closest
from runner.document.parameters import read_parameters
from runner.document.points import text_of
from runner.document.rules import References
from runner.document.templates import usage
from runner.document.tree import Fields, Items, Node, Spot, Unreadable
from runner.document.values import Values
from runner.nouns import ENDPOINTS, Address, Axis, Endpoint, Experiment
from runner.schema import bundled, endpoint_schema


def build(tree: Fields, start: Spot, complaints: Complaints) -> Experiment:
    """Return the experiment that a tree says; it means something only if nothing was complained of.

    Args:
        tree: from `structure.conform`.
        start: the beginning of the main file.
        complaints: where mistakes go.
    """
    part = tree.fields.get
    values = _values(tree, complaints)
    base = read_parameters(part("parameters"), values, complaints)
    axes = read_axes(part("axes"), values, complaints)
    included = _included_names(part("include"))
    if base.whole:
        place = tree.keys.get("parameters", tree.spot.inside("parameters"))
        for name in _required(base.names | included, axes, values):
            complaints.add(place, f"{name} is required by {values.schema.name}; add it here, or an axis that sets it")
    _check_variables(axes, included, values, complaints)
    references = References(axes, base, values, complaints)
    price = settings.price(part("price"))
    name, target = "", Address()
    with complaints.collecting():
        name = settings.run_name(part("name"), bundled("experiment")["properties"]["name"]["pattern"], start)
    with complaints.collecting():
        target = settings.address(part("target"))
    return Experiment(
        name=name,
        title=_text(part("title")),
        description=_text(part("description")),
        target=target,
        endpoint=values.schema.name,
        parameters=base.values,
        axes=_with_rules(axes, references),
        zips=references.zips(part("zip")),
        exclude=references.rules(part("exclude")),
        include=references.combinations(part("include")),
        on_invalid=cast("Literal['error', 'skip']", _text(part("on_invalid")) or "error"),
        sample=settings.sample(part("sample")),
        limits=settings.limits(part("limits"), price, complaints),
        price=price,
        execution=settings.execution(part("execution")),
        report=references.layout(part("report")),
        inputs=values.inputs,
    )


def _values(tree: Fields, complaints: Complaints) -> Values:
    parameters, axes = tree.fields.get("parameters"), tree.fields.get("axes")
    endpoint = _endpoint(tree.fields.get("endpoint"), {*_names(parameters), *_names(axes)})
    fillable = [] if parameters is None else [parameters]
    return Values(endpoint_schema(endpoint), usage([*fillable, *_fillable(axes)], complaints))


def _endpoint(node: Node | None, written: set[str]) -> Endpoint:
    """Return the endpoint; for an unreadable one the endpoint that has most of the names that are written."""
    if isinstance(node, Unreadable):
        return max(ENDPOINTS, key=lambda endpoint: len(written & set(endpoint_schema(endpoint).properties)))
    return cast("Endpoint", text_of(node) or "text2img")


def _fillable(axes: Node | None) -> Iterator[Node]:
    """Yield the values of axes that may be templates."""
    for axis in axes.fields.values() if isinstance(axes, Fields) else ():
        listed = axis.fields.get("values") if isinstance(axis, Fields) else axis
        for item in listed.items if isinstance(listed, Items) else ():
            if isinstance(item, Fields):
                yield from (node for key, node in item.fields.items() if key in ("value", "set"))
            else:
                yield item


def _names(node: Node | None) -> set[str]:
    return set(node.fields) if isinstance(node, Fields) else set()


def _included_names(node: Node | None) -> set[str]:
    return {name for item in node.items for name in _names(item)} if isinstance(node, Items) else set()


def _required(names: frozenset[str] | set[str], axes: Axes, values: Values) -> list[str]:
    return [name for name in values.schema.required if name not in names and not axes.may_set(name)]


def _check_variables(axes: Axes, included: set[str], values: Values, complaints: Complaints) -> None:
    parameters = values.schema.properties
    known = sorted({name for axis in axes.read for name in axis.sets or () if name not in parameters})
    for spot, names in values.usage.templates.items():
        for name in () if complaints.about(spot) else sorted(names):
            if name in parameters:
                complaints.add(
                    spot,
                    f"the template uses {{{{ {name} }}}}, a parameter; templates hold variables: name one otherwise",
                )
            elif not axes.may_set(name) and name not in included:
                meant = closest(name, known)
                advice = f"did you mean {meant!r}?" if meant else f"add an axis {name}: [...]"
                complaints.add(
                    spot, f"the template uses {{{{ {name} }}}}, which no axis, point or column sets; {advice}"
                )


def _with_rules(axes: Axes, references: References) -> tuple[Axis, ...]:
    return tuple(replace(read.axis, when=references.rule(read.when, read)) for read in axes.read)


def _text(node: Node | None) -> str:
    return "" if isinstance(node, Unreadable) else text_of(node)
