"""One spelling for each value: 512 for "512", "yes" for true, "0.5,1" for [0.5, 1.0]."""

import re
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any, cast

from runner.canon import number
from runner.nouns import Value

NUMERIC = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
"""Text that is a number: ASCII digits alone. `0x10`, `1_000` and the digits of other scripts stay text."""

LONGEST_NUMBER = 40
"""Characters of the longest text that is taken for a number; nothing that an endpoint accepts comes near."""

YES_NO = {"true": "yes", "false": "no", "on": "yes", "off": "no", "yes": "yes", "no": "no"}
ALIASES = {"algorithm_type": {"dpmsolver++": "dpmsolver+++", None: "none"}}
"""Other spellings of a value, by parameter: the service's own page spells DPM-Solver++ with three plus signs."""

LISTS = ("lora_model", "lora_strength")
"""Parameters that hold several values, comma-separated."""


def spelled(name: str, schema: Mapping[str, Any], value: object) -> Value:
    """Return the canonical spelling of a parameter's value, or the value as it is when it has none.

    Args:
        name: the parameter.
        schema: its JSON Schema.
        value: as a file, a command line or a request body says it.
    """
    if name in LISTS:
        return _list(value, numbers=name == "lora_strength")
    if isinstance(value, str | None) and value in ALIASES.get(name, {}):
        return ALIASES[name][value]
    if schema.get("enum") == ["yes", "no"]:
        return _yes_no(value)
    if _wants_number(schema):
        return _number(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(number(value))
    return cast("Value", value)


def _wants_number(schema: Mapping[str, Any]) -> bool:
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    return bool({"integer", "number"} & set(kinds)) or all(
        isinstance(option, int) for option in schema.get("enum", [""])
    )


def _yes_no(value: object) -> Value:
    if isinstance(value, bool | str):
        return YES_NO.get(str(value).strip().lower(), cast("Value", value))
    return cast("Value", value)


def _number(value: object) -> Value:
    if isinstance(value, str) and len(value) <= LONGEST_NUMBER and NUMERIC.fullmatch(text := value.strip()):
        found = int(text) if text.lstrip("+-").isdigit() else float(text)
        return number(found) if isfinite(found) else value
    return number(value) if isinstance(value, float) else cast("Value", value)


def _list(value: object, *, numbers: bool) -> Value:
    if isinstance(value, str):
        return ",".join(_item(item.strip(), numbers=numbers) for item in value.split(","))
    items = value if isinstance(value, Sequence) else (value,)
    if any(isinstance(item, bool) or not isinstance(item, str | int | float) for item in items):
        return cast("Value", value)
    return ",".join(_item(item, numbers=numbers) for item in items)


def _item(item: object, *, numbers: bool) -> str:
    return str(_number(item)) if numbers or isinstance(item, float) else str(item).strip()
