"""When to send, how long to wait, when to stop: arithmetic with the clock passed in."""

from runner.pace.arrivals import Arrivals
from runner.pace.budget import Budget
from runner.pace.clock import Clock
from runner.pace.delays import LONGEST_DELAY, LONGEST_HINT, delay_after, too_long
from runner.pace.throttle import Throttle

__all__ = ["LONGEST_DELAY", "LONGEST_HINT", "Arrivals", "Budget", "Clock", "Throttle", "delay_after", "too_long"]
