"""How many requests may be in flight: what each kind of answer teaches."""

from dataclasses import dataclass, field
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.pace import Throttle
from runner.pace.throttle import COOLDOWN


def round_of(throttle: Throttle, elapsed: float, *, share: float = 1.0) -> str:
    """Let as many requests as are allowed, or a share of them, be in flight together and be answered."""
    for _ in range(max(1, int(throttle.allowed * share)) - throttle.in_flight):
        throttle.enter()
    said = ""
    for _ in range(max(4, throttle.allowed)):
        said = throttle.answered(elapsed) or said
    for _ in range(throttle.in_flight):
        throttle.leave()
    return said


def grown(throttle: Throttle, rounds: int, *, elapsed: float = 0.0) -> list[int]:
    sizes = []
    for _ in range(rounds):
        round_of(throttle, elapsed)
        sizes.append(throttle.allowed)
    return sizes


def crowded_at(size: int, *, elapsed: float = 0.0, retry_after: float | None = None) -> Throttle:
    """Return a throttle after the target said of so many in flight that they are too many."""
    throttle = Throttle(200, start=size)
    for _ in range(size):
        throttle.enter()
    throttle.crowded(elapsed, retry_after)
    for _ in range(size):
        throttle.leave()
    return throttle


@pytest.mark.parametrize(
    ("most", "start", "first"), [(64, None, 8), (4, None, 4), (64, 32, 32), (4, 32, 4), (1, None, 1)]
)
def test_it_starts_small_and_never_above_the_ceiling(most: int, start: int | None, first: int) -> None:
    assert Throttle(most, start=start).allowed == first


def test_a_target_that_keeps_up_gets_twice_as_many_each_round_up_to_the_ceiling() -> None:
    throttle = Throttle(100)
    assert grown(throttle, 5) == [16, 32, 64, 100, 100]


def test_each_change_has_its_reason() -> None:
    throttle = Throttle(16)
    said = [round_of(throttle, 0.0), round_of(throttle, 0.0)]
    for _ in range(16):
        throttle.enter()
    said += [throttle.crowded(1.0, None), throttle.crowded(2.0, None), round_of(throttle, 99.0)]
    said += [throttle.limit(20), throttle.limit(3)]
    assert said == [
        "the target keeps up",
        "",
        "the target says that these are too many",
        "",
        "the target keeps up again",
        "",
        "at most 3, as asked for",
    ]


def test_it_grows_only_while_what_is_allowed_is_used() -> None:
    throttle = Throttle(64)
    round_of(throttle, 0.0, share=0.5)
    assert throttle.allowed == 8


def test_one_episode_of_refusals_is_one_cut() -> None:
    throttle = Throttle(64, start=40)
    for _ in range(40):
        throttle.enter()
    for moment in range(20):
        throttle.crowded(moment * 0.1, None)
    assert throttle.allowed == 32


def test_a_refusal_after_the_cooldown_cuts_again_and_one_never_reaches_nothing() -> None:
    throttle = Throttle(64, start=5)
    sizes = []
    for episode in range(6):
        throttle.crowded(episode * (COOLDOWN + 1), None)
        sizes.append(throttle.allowed)
    assert sizes == [4, 3, 2, 1, 1, 1]


def test_what_was_in_flight_before_the_cut_does_not_make_it_grow() -> None:
    throttle = crowded_at(40)
    assert grown(throttle, 5, elapsed=COOLDOWN - 0.1) == [32] * 5


def test_a_longer_hint_makes_the_cooldown_longer_and_pauses_sending() -> None:
    throttle = crowded_at(40, elapsed=10.0, retry_after=100.0)
    assert throttle.paused_until == 110.0
    assert grown(throttle, 1, elapsed=109.0) == [32]
    assert grown(throttle, 1, elapsed=110.0) == [34]


def test_after_a_refusal_it_grows_by_small_steps() -> None:
    throttle = crowded_at(100)
    assert grown(throttle, 4, elapsed=99.0) == [84, 88, 92, 97]


def test_a_lower_ceiling_holds_at_once_and_a_higher_one_is_grown_into() -> None:
    throttle = Throttle(64, start=40)
    throttle.limit(10)
    assert throttle.allowed == 10
    throttle.limit(30)
    assert (throttle.allowed, grown(throttle, 2)) == (10, [20, 30])


@dataclass
class Queue:
    """A target that takes so many at once and refuses the rest; requests last one second."""

    fits: int
    refusals: int = 0
    sizes: list[int] = field(default_factory=list)

    def serve(self, throttle: Throttle, seconds: int) -> None:
        for second in range(seconds):
            for _ in range(throttle.allowed):
                throttle.enter()
            refused = max(0, throttle.in_flight - self.fits)
            for _ in range(refused):
                throttle.crowded(float(second), None)
                throttle.leave()
            self.refusals += refused
            for _ in range(throttle.in_flight):
                throttle.answered(float(second) + 0.9)
                throttle.leave()
            self.sizes.append(throttle.allowed)


def test_it_learns_how_many_a_queue_takes_and_stays_there() -> None:
    queue = Queue(fits=15)
    throttle = Throttle(64)
    queue.serve(throttle, 600)
    late = queue.sizes[200:]
    assert set(late) <= {14, 15, 16}
    assert sum(late) / len(late) > 14.5
    assert queue.refusals < 40


@given(
    st.integers(1, 256),
    st.lists(st.sampled_from(["enter", "answered", "crowded", "leave", "limit"]), max_size=200),
    st.integers(0, 9),
)
def test_whatever_happens_some_are_allowed_and_never_more_than_the_ceiling(
    most: int, events: list[str], seed: int
) -> None:
    throttle, chance, elapsed = Throttle(most), Random(seed), 0.0
    for event in events:
        elapsed += chance.uniform(0, 10)
        match event:
            case "enter":
                throttle.enter()
            case "leave" if throttle.in_flight:
                throttle.leave()
            case "answered":
                throttle.answered(elapsed)
            case "crowded":
                throttle.crowded(elapsed, chance.choice([None, 0.0, 3.0]))
            case "limit":
                throttle.limit(chance.randint(1, 256))
        assert 1 <= throttle.allowed <= throttle.most
