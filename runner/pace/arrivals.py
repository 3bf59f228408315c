"""A rate, kept by arrival."""


class Arrivals:
    """Spaces sends evenly: at most `rate` a second by arrival, however long the answers take.

    Nothing is saved up: after a pause the next sends are as far apart as ever. None is as fast as they are asked for.
    """

    def __init__(self, rate: float | None) -> None:
        self._next = float("-inf")
        self.keep(rate)

    def keep(self, rate: float | None) -> None:
        """Keep another rate from the next send on.

        Raises:
            ValueError: the rate sends nothing.
        """
        if rate is not None and not rate > 0:
            raise ValueError(f"a rate of {rate} a second sends nothing; give one above 0, or None for no limit")
        self._gap = 0.0 if rate is None else 1 / rate

    def wait(self, elapsed: float) -> float:
        """Take the next place in line; return the seconds until it comes."""
        place = max(elapsed, self._next)
        self._next = place + self._gap
        return place - elapsed
