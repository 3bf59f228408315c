"""What a plain YAML scalar means: the core schema of YAML 1.2, as JSON would read it.

`true` and `false` alone are booleans (yes, no, on and off stay text), a date stays text, `1e-4` is a number. Digits after a
leading zero stay text (`007`), so that names keep their zeros; where a number is wanted the text still means 7.
"""

import math
import re

NULLS = frozenset({"", "~", "null", "Null", "NULL"})
BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
FLOAT = re.compile(r"[-+]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?")
NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")

LONGEST_NUMBER = 64
"""Characters; a float has 17 significant digits, the largest seed 10."""


def meaning(text: str) -> str | int | float | bool | None:
    """Return the value of a plain scalar.

    Raises:
        ValueError: it is a number that is not finite, or too long, large or small to be kept.
    """
    if text in NULLS:
        return None
    if text in BOOLEANS:
        return BOOLEANS[text]
    if NOT_FINITE.fullmatch(text):
        raise ValueError(f"{text} is not allowed; write a finite number")
    if not FLOAT.fullmatch(text):
        return text
    if len(text) > LONGEST_NUMBER:
        raise ValueError(
            f"a number of {len(text)} characters is longer than the {LONGEST_NUMBER} allowed; round it, "
            "or put it in quotes to make it text"
        )
    return int(text) if INTEGER.fullmatch(text) else _finite(text)


def checked(text: str) -> str:
    """Return text that every file, terminal and server can take.

    Raises:
        ValueError: it holds a control character, or half of a surrogate pair.
    """
    if found := FORBIDDEN.search(text):
        raise ValueError(f"the text holds the control character U+{ord(found[0]):04X}; take it out")
    return text


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value) or (value == 0 and re.search("[1-9]", text.lower().partition("e")[0])):
        raise ValueError(f"{text} is too {'large' if value else 'small'} for a number; write one that can be kept")
    return value
