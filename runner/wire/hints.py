"""How long a server asks to wait, in whichever form it says so.

    {"retry_after": 12}, {"retry_after": "12"}, {"retry_after": "1m30s"}, {"retry_after": "2026-11-24T18:00:00Z"}
    Retry-After: 12                               RFC 9110, section 10.2.3
    Retry-After: Tue, 24 Nov 2026 18:00:00 GMT
    retry-after-ms: 1500
    RateLimit-Reset: 12                           draft-ietf-httpapi-ratelimit-headers-07; X-RateLimit-Reset too, in
                                                  seconds from now or since 1970

The body wins over the headers: it is the service's own word, and a header may be a proxy's.
"""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

EPOCH = 1_000_000_000
"""A reset from this number on is a time in seconds since 1970: as a wait it would be thirty years."""

UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}

_PART = re.compile(
    r"(\d+(?:\.\d+)?)\s*(ms|milliseconds?|[smhd]|secs?|seconds?|mins?|minutes?|hours?|hrs?|days?)(?![a-z])", re.ASCII
)
_PARTS = re.compile(rf"(?:{_PART.pattern}[\s,]*)+", re.ASCII)


def retry_after(headers: Mapping[str, str], payload: object, *, now: float) -> float | None:
    """Return the seconds that a server asks to wait, 0 for a time that has passed; None when it does not say.

    Args:
        headers: by name in any case.
        payload: the body read as JSON.
        now: seconds since 1970.
    """
    if isinstance(payload, Mapping) and (hint := _said(payload.get("retry_after"), now)) is not None:
        return hint
    lower = {name.lower(): value for name, value in headers.items()}
    if (milliseconds := seconds(lower.get("retry-after-ms"))) is not None:
        return milliseconds / 1000
    if (hint := _said(lower.get("retry-after"), now)) is not None:
        return hint
    return _reset(lower.get("ratelimit-reset", lower.get("x-ratelimit-reset")), now)


def seconds(value: object) -> float | None:
    """Return a finite number of seconds, 0 or more, None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) and found >= 0 else None


def _said(value: object, now: float) -> float | None:
    plain = seconds(value)
    if plain is not None or not isinstance(value, str):
        return plain
    text = value.strip().lower()
    if _PARTS.fullmatch(text):
        return sum(float(amount) * _unit(unit) for amount, unit in _PART.findall(text))
    date = _date(value.strip())
    return None if date is None else max(0.0, date - now)


def _unit(name: str) -> float:
    return UNITS["ms" if name.startswith(("ms", "milli")) else name[0]]


def _date(text: str) -> float | None:
    for parse in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            found = parse(text)
            return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError, OSError):
            continue
    return None


def _reset(value: object, now: float) -> float | None:
    found = seconds(value)
    if found is None:
        return _said(value, now)
    return max(0.0, found - now) if found >= EPOCH else found
