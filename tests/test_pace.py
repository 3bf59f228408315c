"""When to send, how long to wait, when to stop."""

import itertools
import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.errors import InputError
from runner.nouns import Concern, Limits, Refused, Spent
from runner.pace import LONGEST_DELAY, LONGEST_HINT, Arrivals, Budget, delay_after, too_long

BUSY = Refused(concern=Concern.LATER, message="queue full")


def budget(price: float | None = None, **limits: float) -> Budget:
    return Budget(Limits(**limits), price=price, started=100.0)  # type: ignore[arg-type]  # the names are the fields'


# --- limits --------------------------------------------------------------------------------------------------------


def test_without_limits_everything_may_be_sent() -> None:
    spending = budget()
    assert [spending.reserve(4, elapsed=1e9) for _ in range(100)] == [None] * 100
    assert (spending.requests, spending.images, spending.cost) == (100, 400, 0.0)


def test_a_limit_of_requests_is_reached_and_not_passed() -> None:
    spending = budget(requests=2)
    assert [spending.reserve(1, elapsed=100) for _ in range(3)] == [None, None, "the limit of 2 requests"]
    assert spending.requests == 2


def test_a_limit_of_images_counts_the_samples_of_a_request() -> None:
    spending = budget(images=5)
    refused = "the limit of 5 images"
    assert [spending.reserve(images, elapsed=100) for images in (4, 2, 1, 1)] == [None, refused, None, refused]
    assert (spending.requests, spending.images) == (2, 5)


@pytest.mark.parametrize(
    ("price", "cost", "affordable"),
    [(0.1, 1.0, 10), (0.1, 0.3, 3), (0.0047, 2.5, 531), (0.07, 0.49, 7), (1.1, 3.3, 3), (1e-9, 1e-8, 10), (0.5, 0.4, 0)],
)  # fmt: skip
def test_a_limit_of_cost_is_exact_in_decimal(price: float, cost: float, affordable: int) -> None:
    spending = budget(price, cost=cost)
    for _ in range(affordable):
        assert spending.reserve(1, elapsed=100) is None
    assert spending.reserve(1, elapsed=100) == f"the limit of {cost:g} for cost"
    assert spending.images == affordable
    assert spending.cost <= cost


def test_images_that_cost_nothing_reach_no_limit_of_cost() -> None:
    spending = budget(0.0, cost=1e-6)
    assert [spending.reserve(4, elapsed=100) for _ in range(9)] == [None] * 9


def test_a_limit_of_cost_without_a_price_is_refused_rather_than_ignored() -> None:
    with pytest.raises(InputError) as caught:
        budget(cost=2.5)
    assert str(caught.value) == (
        "limits.cost is 2.5 and there is no price: the limit could not be kept; "
        "say what an image costs (price: {per_image: 0.0047}), or limit requests or images instead"
    )


def test_a_limit_of_time_strikes_at_its_last_second() -> None:
    spending = budget(wall=60)
    assert spending.reserve(1, elapsed=159.999) is None
    assert spending.reserve(1, elapsed=160.0) == "the limit of 60 s of wall-clock time"


def test_what_was_refused_is_not_counted() -> None:
    spending = budget(0.5, requests=10, images=3, cost=10)
    assert spending.reserve(4, elapsed=100) == "the limit of 3 images"
    assert (spending.requests, spending.images, spending.cost) == (0, 0, 0.0)
    assert spending.reserve(3, elapsed=100) is None
    assert (spending.requests, spending.images, spending.cost) == (1, 3, 1.5)


@given(
    st.lists(st.integers(1, 4), max_size=40),
    st.integers(1, 20),
    st.integers(1, 50),
    st.decimals("0.01", 5, places=2),
    st.decimals("0.001", 1, places=3),
)
@settings(max_examples=50)
def test_no_order_of_requests_passes_a_limit(
    asked: list[int], requests: int, images: int, cost: object, price: object
) -> None:
    spending = budget(float(str(price)), requests=requests, images=images, cost=float(str(cost)))
    granted = [number for number in asked if spending.reserve(number, elapsed=100) is None]
    assert spending.requests == len(granted) <= requests
    assert spending.images == sum(granted) <= images
    assert spending.cost <= float(str(cost))


# --- pace ----------------------------------------------------------------------------------------------------------


def test_sends_are_evenly_spaced_however_they_are_asked_for() -> None:
    arrivals = Arrivals(4.0)
    assert [arrivals.wait(10.0) for _ in range(4)] == [0.0, 0.25, 0.5, 0.75]
    assert arrivals.wait(10.5) == 0.5


def test_a_pause_is_not_made_up_for() -> None:
    arrivals = Arrivals(1.0)
    assert [arrivals.wait(0.0), arrivals.wait(100.0), arrivals.wait(100.0)] == [0.0, 0.0, 1.0]


def test_without_a_rate_nobody_waits() -> None:
    arrivals = Arrivals(None)
    assert [arrivals.wait(elapsed) for elapsed in (5.0, 5.0, 5.0, 6.0)] == [0.0] * 4


@pytest.mark.parametrize("rate", [0, 0.0, -1, math.nan])
def test_a_rate_that_sends_nothing_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="sends nothing; give one above 0, or None for no limit"):
        Arrivals(rate)


@given(
    st.sampled_from([0.25, 0.5, 1.0, 2.0, 8.0, 64.0]),
    st.lists(st.integers(0, 640).map(lambda ticks: ticks / 64), min_size=2, max_size=30),
)
@settings(max_examples=50)
def test_no_window_of_time_holds_more_sends_than_the_rate_allows(rate: float, gaps: list[float]) -> None:
    arrivals, now, sent = Arrivals(rate), 0.0, []
    for gap in gaps:
        now += gap
        wait = arrivals.wait(now)
        assert wait >= 0
        sent.append(now + wait)
    assert all(later - earlier >= 1 / rate for earlier, later in itertools.pairwise(sent))


@given(st.integers(1, 5000), st.integers())
@settings(max_examples=50)
def test_a_delay_lies_between_half_and_all_of_a_doubling_second_up_to_a_minute(failures: int, seed: int) -> None:
    ceiling = float(min(60, 2 ** (failures - 1)))
    assert ceiling / 2 <= delay_after(BUSY, failures, random.Random(seed)) <= ceiling <= LONGEST_DELAY


def test_delays_are_reproducible_from_their_source_of_chance() -> None:
    delays = [delay_after(BUSY, failures, random.Random(7)) for failures in (1, 2, 3, 7)]
    assert delays == [pytest.approx(share * 0.6619162239) for share in (1.0, 2.0, 4.0, 60.0)]


@pytest.mark.parametrize(("hint", "delay"), [(0, 0), (2.5, 2.5), (90, 90), (3600, 3600), (1e12, LONGEST_HINT), (-5, 0)])
def test_the_servers_own_hint_wins_within_an_hour_and_those_told_the_same_come_back_apart(
    hint: float, delay: float
) -> None:
    refusal = Refused(concern=Concern.LATER, message="queue full", retry_after=hint)
    chance = random.Random(1)
    waits = [delay_after(refusal, 3, chance) for _ in range(100)]
    assert all(delay <= wait <= delay * 1.1 for wait in waits)
    assert len(set(waits)) == (100 if delay else 1)


@pytest.mark.parametrize("hint", [math.nan, math.inf])
def test_a_hint_that_is_no_number_is_no_hint(hint: float) -> None:
    refusal = Refused(concern=Concern.LATER, message="queue full", retry_after=hint)
    assert 2 <= delay_after(refusal, 3, random.Random(1)) <= 4


def test_another_rate_is_kept_from_the_next_send_on() -> None:
    arrivals = Arrivals(1.0)
    waits = [arrivals.wait(0.0), arrivals.wait(0.0)]
    arrivals.keep(4.0)
    assert [*waits, arrivals.wait(1.0), arrivals.wait(1.0), arrivals.wait(1.0)] == [0.0, 1.0, 0.25, 0.5, 0.75]


# --- over several starts --------------------------------------------------------------------------------------------


def test_a_limit_is_the_runs_own_however_often_it_is_started() -> None:
    spending = Budget(Limits(requests=5, images=8), price=None, started=0.0, spent=Spent(requests=3, images=3))
    assert [spending.reserve(2, elapsed=0.0) for _ in range(3)] == [None, None, "the limit of 5 requests"]
    assert (spending.requests, spending.sent, spending.images) == (5, 2, 7)


def test_a_commands_own_limit_counts_from_its_start() -> None:
    spending = Budget(Limits(), price=None, started=0.0, spent=Spent(requests=30, images=30), more=2)
    assert [spending.reserve(1, elapsed=0.0) for _ in range(3)] == [None, None, "the limit of 2 requests"]


def test_what_came_is_counted_in_place_of_what_was_reserved() -> None:
    spending = budget(0.5, images=4)
    assert [spending.reserve(4, elapsed=100), spending.reserve(1, elapsed=100)] == [None, "the limit of 4 images"]
    spending.settle(4, 3)
    assert (spending.reserve(1, elapsed=100), spending.cost) == (None, 2.0)


def test_a_wait_beyond_an_hour_is_too_long_for_a_run() -> None:
    hints = [None, 0.0, LONGEST_HINT, LONGEST_HINT + 1]
    assert [too_long(Refused(concern=Concern.LATER, message="", retry_after=hint)) for hint in hints] == [
        False,
        False,
        False,
        True,
    ]
