"""`--only EXPR`: a rule on the command line."""

import re

from runner.errors import InputError
from runner.nouns import Criterion, Rule
from runner.plan import Plan
from runner.schema import did_you_mean, endpoint_schema

TERM = re.compile(r"\s*(?P<name>[^<>=!\s]+)\s*(?P<sign><=|>=|!=|=|<|>)\s*(?P<value>.*?)\s*")


def parse_only(text: str, plan: Plan) -> Rule:
    """Return the rule that an expression means: terms joined by commas, values of one term by `|`.

    `scheduler=DDIMScheduler|LCMScheduler, guidance_scale>4, seed!=1`

    Raises:
        InputError: a term has no sign, a name is neither an axis nor a parameter, a bound is no number.
    """
    terms = [term for term in text.split(",") if term.strip()]
    return dict(_term(term, plan) for term in terms)


def _term(text: str, plan: Plan) -> tuple[str, Criterion]:
    found = TERM.fullmatch(text)
    if not found:
        raise InputError(f"--only: {text.strip()!r} is no term; write name=value, name>number, joined by commas")
    name, sign, value = found["name"], found["sign"], found["value"]
    schema = endpoint_schema(plan.experiment.endpoint)
    known = [*(axis.name for axis in plan.axes), *schema.properties]
    if name not in known:
        raise InputError(f"--only: {name!r} is no axis and no parameter{did_you_mean(name, known)}")
    if sign in ("=", "!="):
        words = [word.strip() for word in value.split("|")]
        spelled = tuple(schema.spell(name, word) if name in schema.properties else word for word in words)
        values = (*spelled, *(word for word in words if word not in spelled))
        return name, Criterion(anyof=values) if sign == "=" else Criterion(noneof=values)
    try:
        bound = float(value)
    except ValueError:
        raise InputError(f"--only: {value!r} in {text.strip()!r} is no number; {sign} compares numbers") from None
    field = {"<": "below", ">": "above", "<=": "at_most", ">=": "at_least"}[sign]
    return name, Criterion(**{field: bound})  # type: ignore[arg-type]  # the four fields are all `float | None`
