"""Seeds drawn from a number: the same number gives the same seeds, on every machine and in every version.

Seed i is the first 8 hex digits of SHA-256 over the text `FROM:i`, read as a number: 0 to 2**32 - 1. A seed that came before
is passed over.
"""

from hashlib import sha256
from itertools import count


def drawn_seeds(number: int, many: int) -> tuple[int, ...]:
    """Return so many different seeds derived from a number.

    >>> drawn_seeds(20261123, 2)
    (3190364713, 2306563164)
    """
    seeds: dict[int, None] = {}
    for place in count():
        if len(seeds) == many:
            break
        seeds[int(sha256(f"{number}:{place}".encode()).hexdigest()[:8], 16)] = None
    return tuple(seeds)
