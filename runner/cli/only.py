"""`--only EXPR`: a rule on the command line."""

from collections.abc import Callable, Sequence

from runner.cli.expression import Term, Word, spelled, terms
from runner.errors import InputError
from runner.nouns import Criterion, Rule, Value
from runner.plan import Plan
from runner.plan.rules import find
from runner.schema import did_you_mean, endpoint_schema
from runner.verbs import means

MOST_KNOWN = 24
"""Labels of an axis that a message lists; one may have thousands."""


def parse_only(text: str, plan: Plan) -> Rule:
    """Return the rule that an expression means: terms joined by commas, values of one term by `|`. All terms must hold.

    `scheduler=DDIMScheduler|LCMScheduler, guidance_scale>4, guidance_scale<9, seed!=1`; see `runner/cli/expression.py`.

    Raises:
        InputError: a term has no sign, a name is neither an axis nor a parameter, a bound is no number, no cell has a
            value that is named, or none is left.
    """
    rule: dict[str, Criterion] = {}
    for term in terms(text):
        criterion = _criterion(term, plan)
        rule[term.name] = _both(term.name, rule[term.name], criterion) if term.name in rule else criterion
    if rule and not means(plan, rule):
        raise InputError(
            f"--only: {text.strip()!r} holds for none of the {plan.survey.cells} cells; "
            "`sweep plan` lists the axes and their values"
        )
    return rule


def _criterion(term: Term, plan: Plan) -> Criterion:
    known = list(
        dict.fromkeys([*(axis.name for axis in plan.axes), *endpoint_schema(plan.experiment.endpoint).properties])
    )
    if term.name not in known:
        raise InputError(f"--only: {term.name!r} is no axis and no parameter{did_you_mean(term.name, known)}")
    if term.sign in ("=", "!="):
        values = tuple(value for word in term.words for value in _meant(term.name, word, plan))
        return Criterion(anyof=values) if term.sign == "=" else Criterion(noneof=values)
    try:
        bound = float(term.value)
    except ValueError:
        said = f"{term.value!r} in {term.written!r} is no number; {term.sign} compares numbers"
        raise InputError(f"--only: {said}") from None
    field = {"<": "below", ">": "above", "<=": "at_most", ">=": "at_least"}[term.sign]
    return Criterion(**{field: bound})  # type: ignore[arg-type]  # the four fields are all `float | None`


def _meant(name: str, word: Word, plan: Plan) -> Sequence[Value]:
    """Return what a word may be in a cell: the parameter's own value, and a label. Raises InputError: in no cell.

    Quotes that a value does not need are its own where a cell has it so: they were before there was quoting.
    """
    texts = [word.written] if word.written != spelled(word.text) else []
    for text in dict.fromkeys([*texts, word.text]):
        values = _spellings(name, text, plan)
        if _occurs(name, values, plan):
            return values
    labels = [point.label for axis in plan.axes if axis.name == name for point in axis.points]
    torn = [label for label in labels if word.text and label.startswith(word.text) and label != spelled(label)]
    if torn:
        raise InputError(
            f"--only: no cell has {name}={word.text}; quotes hold a value together: {name}={spelled(torn[0])}"
        )
    known = did_you_mean(word.text, labels[:MOST_KNOWN]) if labels else "; `sweep plan` lists the axes and their values"
    raise InputError(f"--only: no cell has {name}={word.text}{known}")


def _spellings(name: str, text: str, plan: Plan) -> Sequence[Value]:
    schema = endpoint_schema(plan.experiment.endpoint)
    return list(dict.fromkeys([schema.spell(name, text) if name in schema.properties else text, text]))


def _occurs(name: str, values: Sequence[Value], plan: Plan) -> bool:
    points = [axis for axis in plan.axes if axis.name == name]
    named = any(find(axis, value) for axis in points for value in values)
    return named or means(plan, {name: Criterion(anyof=(*values,))})


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
