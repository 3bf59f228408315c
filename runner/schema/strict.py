"""JSON Schema as this package means it."""

import re
from collections.abc import Iterator, Sequence
from math import isfinite
from typing import Any

from jsonschema import Draft202012Validator, TypeChecker, ValidationError
from jsonschema.validators import extend

SURROGATE = re.compile("[\ud800-\udfff]")


def _same_count(validator: Any, names: Sequence[str], body: Any, _: Any) -> Iterator[ValidationError]:
    if not (validator.is_type(body, "object") and all(name in body for name in names)):
        return
    first, second = (str(body[name]).split(",") for name in names)
    if len(first) != len(second):
        yield ValidationError(
            f"{names[1]} has {_count(second)} and {names[0]} has {_count(first)}; give one strength for each LoRA"
        )


def _count(values: Sequence[str]) -> str:
    return f"{len(values)} value{'s' if len(values) != 1 else ''} ({','.join(values)})"


def _is_number(_: TypeChecker, value: object) -> bool:
    if isinstance(value, float):
        return isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)


def _is_text(_: TypeChecker, value: object) -> bool:
    return isinstance(value, str) and SURROGATE.search(value) is None


BodyValidator: Any = extend(  # type: ignore[no-untyped-call]  # the stubs leave `extend` untyped
    Draft202012Validator,
    {"x-same-count": _same_count},
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine_many({"number": _is_number, "string": _is_text}),
)
"""Draft 2020-12, strict about what Python lets through: NaN and infinity are no numbers, half of a surrogate pair is no
text. Beside it `x-same-count`: two comma-separated lists hold as many values, which JSON Schema cannot say."""
