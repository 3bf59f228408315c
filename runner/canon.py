"""One value, one spelling, one digest.

Identity in this package is the SHA-256 of a canonical JSON text: keys sorted by code point, no blanks, UTF-8. Two
values that are equal have one spelling, on every machine:

    7, 7.0              7           a float that is a whole number is that integer
    0.0, -0.0           0
    True                true        a boolean is no number, though Python says True == 1
    (1, 2), [1, 2]      [1,2]
    "ü"                 "ü"         text is taken as it is: composed and decomposed letters are different text, because
                                    a tokenizer may read them differently
    NaN, infinity       refused, as are bytes, sets, keys that are no text, and half of a surrogate pair
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any


def spell(value: Any) -> str:
    """Return the canonical JSON text of a value made of mappings, sequences, strings, numbers, booleans and None.

    Raises:
        ValueError: the value holds NaN or an infinity.
        TypeError: the value holds something that JSON cannot say.

    >>> spell({"b": 1.0, "a": [True, None, "ü"]})
    '{"a":[true,null,"ü"],"b":1}'
    """
    return _encode(_plain(value))


def digest(value: Any) -> str:
    """Return the SHA-256 of the canonical spelling, as 64 lower-case hex digits.

    Raises:
        ValueError: the value holds NaN, an infinity or half of a surrogate pair.
        TypeError: the value holds something that JSON cannot say.
    """
    return digest_bytes(spell(value).encode())


def digest_bytes(data: bytes) -> str:
    """Return the SHA-256 of bytes, as 64 lower-case hex digits."""
    return hashlib.sha256(data).hexdigest()


def number(value: float) -> int | float:
    """Return a whole float as an integer (7.0 and 7 mean the same parameter) and any other number unchanged.

    >>> number(7.0), number(7.5)
    (7, 7.5)
    """
    return int(value) if isinstance(value, float) and value.is_integer() else value


_SCALARS = frozenset({str, int, bool, type(None)})
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")).encode


def _plain(value: Any) -> Any:
    match value:
        case str() | int() | None:
            return value
        case float():
            return number(value)
        case Mapping():  # scalars are most of what is spelled, and a call for each would be most of the time
            return {
                key if type(key) is str else _key(key): item if type(item) in _SCALARS else _plain(item)
                for key, item in value.items()
            }
        case Sequence() if not isinstance(value, bytes | bytearray | memoryview):
            return [_plain(item) for item in value]
        case _:
            raise TypeError(f"{type(value).__name__} has no canonical spelling; use JSON's types")


def _key(key: Any) -> str:
    if not isinstance(key, str):
        raise TypeError(f"a mapping's key is {key!r}; canonical JSON allows strings alone")
    return key
