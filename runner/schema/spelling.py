"""One spelling for each value: 512 for "512", "yes" for true, "0.5,1" for [0.5, 1.0]."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import isfinite
from typing import Any, TypeAlias, cast

from runner.canon import number
from runner.nouns import Value

NUMERIC = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
"""Text that is a number: ASCII digits alone. `0x10`, `1_000` and the digits of other scripts stay text."""

LONGEST_NUMBER = 40
"""Characters of the longest text that is taken for a number; nothing that an endpoint accepts comes near."""

YES_NO = {"true": "yes", "false": "no", "on": "yes", "off": "no", "yes": "yes", "no": "no"}
ALIASES: Mapping[str, Mapping[str | None, str]] = {"algorithm_type": {"dpmsolver++": "dpmsolver+++", None: "none"}}
"""Other spellings of a value, by parameter: the service's own page spells DPM-Solver++ with three plus signs."""

LISTS = ("lora_model", "lora_strength")
"""Parameters that hold several values, comma-separated."""


Speller: TypeAlias = Callable[[object], Value]
"""Brings a value, as a file or a request says it, to its canonical spelling; one that has none stays as it is."""


def speller(name: str, schema: Mapping[str, Any]) -> Speller:
    """Return what spells a parameter's values, by its JSON Schema."""
    if name in LISTS:
        return _strengths if name == "lora_strength" else _names
    if name in ALIASES:
        return partial(_alias, ALIASES[name])
    if schema.get("enum") == ["yes", "no"]:
        return _yes_no
    return _number if _wants_number(schema) else _text


def _wants_number(schema: Mapping[str, Any]) -> bool:
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    return bool({"integer", "number"} & set(kinds)) or all(
        isinstance(option, int) for option in schema.get("enum", [""])
    )


def _alias(aliases: Mapping[str | None, str], value: object) -> Value:
    return aliases.get(value, value) if isinstance(value, str | None) else cast("Value", value)


def _text(value: object) -> Value:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return str(number(cast("float", value))) if is_number else cast("Value", value)


def _yes_no(value: object) -> Value:
    if isinstance(value, bool | str):
        return YES_NO.get(str(value).strip().lower(), cast("Value", value))
    return cast("Value", value)


def _number(value: object) -> Value:
    if isinstance(value, str) and len(value) <= LONGEST_NUMBER and NUMERIC.fullmatch(text := value.strip()):
        found = int(text) if text.lstrip("+-").isdigit() else float(text)
        return number(found) if isfinite(found) else value
    return number(value) if isinstance(value, float) else cast("Value", value)


def _names(value: object) -> Value:
    items = _items(value)
    return cast("Value", value) if items is None else ",".join(str(_text(item)).strip() for item in items)


def _strengths(value: object) -> Value:
    items = _items(value)
    return cast("Value", value) if items is None else ",".join(str(_number(item)).strip() for item in items)


def _items(value: object) -> Sequence[object] | None:
    """Return the items of a list, of a comma-separated text or of a single value; None where one is no text or number."""
    items = value.split(",") if isinstance(value, str) else value if isinstance(value, Sequence) else (value,)
    fitting = all(isinstance(item, str | int | float) and not isinstance(item, bool) for item in items)
    return items if fitting else None
