"""What does not fit, in words: what was found, what is allowed, what was probably meant."""

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, cast

from jsonschema import ValidationError


def describe(error: ValidationError) -> str:
    """Say what a JSON Schema error means: what was found, what is allowed."""
    found: Any = error.instance
    schema = cast("Mapping[str, Any]", error.schema)
    limit: Any = error.validator_value
    match error.validator:
        case "minimum":
            return f"{show(found)} is below the minimum {limit}"
        case "exclusiveMinimum":
            return f"{show(found)} is not above {limit}"
        case "maximum":
            return f"{show(found)} is above the maximum {limit}"
        case "multipleOf":
            return f"{show(found)} is not divisible by {limit}"
        case "enum":
            return f"{show(found)} is not one of {_options(found, limit)}"
        case "type":
            return f"{show(found)} is not {_kind(limit)}{_bounds(schema)}"
        case "minLength":
            return "an empty text is not allowed"
        case "maxLength":
            return f"the text has {len(found)} characters, more than the {limit} allowed"
        case "pattern":
            return f"{show(found)} does not fit; write {schema.get('x-allowed', f'text that matches {limit}')}"
        case _:
            return error.message


def did_you_mean(name: str, known: Mapping[str, object] | Sequence[str]) -> str:
    """Return `; did you mean 'guidance_scale'?`, or the list of what is known when nothing comes close."""
    close = _closest(name, known)
    return f"; did you mean {close!r}?" if close else f"; known are {', '.join(known)}"


def show(value: object) -> str:
    """Return a value as a file says it: null, true, 'text', shortened."""
    words = {None: "null", True: "true", False: "false"}
    text = words[value] if value is None or isinstance(value, bool) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _options(found: object, allowed: Sequence[object]) -> str:
    names = [option for option in allowed if isinstance(option, str)]
    close = _closest(found, names) if isinstance(found, str) else ""
    if close and len(allowed) > 4:
        return f"the {len(allowed)} allowed; did you mean {close!r}?"
    listed = ", ".join(map(str, allowed))
    return f"{listed}; did you mean {close!r}?" if close else listed


def _closest(name: str, known: Iterable[str]) -> str:
    """Return the known name that comes closest, capitals aside; empty when none comes close."""
    wanted, folded = name.casefold(), {option.casefold(): option for option in known}
    longer = [option for option in folded if len(wanted) > 2 and option.startswith(wanted)]
    close = longer or get_close_matches(wanted, list(folded), n=1, cutoff=0.6)
    return folded[close[0]] if close else ""


def _kind(kinds: str | Sequence[str]) -> str:
    words = {
        "integer": "a whole number",
        "number": "a number",
        "string": "text",
        "null": "null",
        "object": "a mapping",
        "array": "a list",
        "boolean": "true or false",
    }
    return " or ".join(words[kind] for kind in ([kinds] if isinstance(kinds, str) else kinds))


def _bounds(schema: Mapping[str, Any]) -> str:
    if "minimum" in schema and "maximum" in schema:
        return f" from {schema['minimum']} to {schema['maximum']}"
    return ""
