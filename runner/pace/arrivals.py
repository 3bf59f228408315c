"""A rate, kept by arrival."""


class Arrivals:
    """Spaces sends evenly: at most `rate` a second by arrival, however long the answers take.

    Nothing is saved up: after a pause the next sends are as far apart as ever. None is as fast as they are asked for.
    """

    def __init__(self, rate: float | None) -> None:
        self._last = float("-inf")
        self.keep(rate)

    def keep(self, rate: float | None) -> None:
        """Keep another rate, already for the next send: its place is counted from the last one.

        Raises:
            ValueError: the rate sends nothing.
        """
        if rate is not None and not rate > 0:
            raise ValueError(f"a rate of {rate} a second sends nothing; give one above 0, or None for no limit")
        self._gap = 0.0 if rate is None else 1 / rate

    def due(self, elapsed: float) -> float:
        """Return the seconds until the next place comes."""
        return max(0.0, self._last + self._gap - elapsed)

    def wait(self, elapsed: float) -> float:
        """Take the next place in line; return the seconds until it comes."""
        wait = self.due(elapsed)
        self._last = elapsed + wait
        return wait
