"""`--only EXPR`: a rule on the command line."""

import re
from collections.abc import Callable, Sequence

from runner.errors import InputError
from runner.nouns import Criterion, Rule, Value
from runner.plan import Plan
from runner.plan.rules import find
from runner.schema import did_you_mean, endpoint_schema
from runner.verbs import means

TERM = re.compile(r"\s*(?P<name>[^<>=!\s]+)\s*(?P<sign><=|>=|!=|=|<|>)\s*(?P<value>.*?)\s*")


MOST_KNOWN = 24
"""Labels of an axis that a message lists; one may have thousands."""


def parse_only(text: str, plan: Plan) -> Rule:
    """Return the rule that an expression means: terms joined by commas, values of one term by `|`. All terms must hold.

    `scheduler=DDIMScheduler|LCMScheduler, guidance_scale>4, guidance_scale<9, seed!=1`

    Raises:
        InputError: a term has no sign, a name is neither an axis nor a parameter, a bound is no number, no cell has a
            value that is named, or none is left.
    """
    rule: dict[str, Criterion] = {}
    for term in text.split(","):
        if term.strip():
            name, criterion = _term(term, plan)
            rule[name] = _both(name, rule[name], criterion) if name in rule else criterion
    if rule and not means(plan, rule):
        raise InputError(
            f"--only: {text.strip()!r} holds for none of the {plan.survey.cells} cells; "
            "`sweep plan` lists the axes and their values"
        )
    return rule


def _term(text: str, plan: Plan) -> tuple[str, Criterion]:
    found = TERM.fullmatch(text)
    if not found:
        raise InputError(f"--only: {text.strip()!r} is no term; write name=value, name>number, joined by commas")
    name, sign, value = found["name"], found["sign"], found["value"]
    schema = endpoint_schema(plan.experiment.endpoint)
    known = list(dict.fromkeys([*(axis.name for axis in plan.axes), *schema.properties]))
    if name not in known:
        raise InputError(f"--only: {name!r} is no axis and no parameter{did_you_mean(name, known)}")
    if sign in ("=", "!="):
        values = tuple(one for word in value.split("|") for one in _spellings(name, word.strip(), plan))
        return name, Criterion(anyof=values) if sign == "=" else Criterion(noneof=values)
    try:
        bound = float(value)
    except ValueError:
        raise InputError(f"--only: {value!r} in {text.strip()!r} is no number; {sign} compares numbers") from None
    field = {"<": "below", ">": "above", "<=": "at_most", ">=": "at_least"}[sign]
    return name, Criterion(**{field: bound})  # type: ignore[arg-type]  # the four fields are all `float | None`


def _spellings(name: str, word: str, plan: Plan) -> Sequence[Value]:
    """Return what a word may be in a cell: the parameter's own value, and a label. Raises InputError: in no cell."""
    schema = endpoint_schema(plan.experiment.endpoint)
    values = list(dict.fromkeys([schema.spell(name, word) if name in schema.properties else word, word]))
    points = [axis for axis in plan.axes if axis.name == name]
    if any(find(axis, value) for axis in points for value in values) or means(
        plan, {name: Criterion(anyof=(*values,))}
    ):
        return values
    labels = [point.label for axis in points for point in axis.points]
    known = did_you_mean(word, labels[:MOST_KNOWN]) if labels else "; `sweep plan` lists the axes and their values"
    raise InputError(f"--only: no cell has {name}={word}{known}")


def _both(name: str, one: Criterion, other: Criterion) -> Criterion:
    """Return what holds where two criteria do. Raises InputError: each names the values that it allows."""
    if one.anyof and other.anyof:
        raise InputError(f"--only: {name}= stands there twice; write all values that are meant in one: {name}=1|2")
    return Criterion(
        anyof=one.anyof or other.anyof,
        noneof=(*one.noneof, *other.noneof),
        above=_tighter(max, one.above, other.above),
        below=_tighter(min, one.below, other.below),
        at_least=_tighter(max, one.at_least, other.at_least),
        at_most=_tighter(min, one.at_most, other.at_most),
    )


def _tighter(choose: Callable[[list[float]], float], *bounds: float | None) -> float | None:
    given = [bound for bound in bounds if bound is not None]
    return choose(given) if given else None
