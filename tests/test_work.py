"""What is handed out next: what is due, then the plan; and never more waiting than fits."""

from collections.abc import Iterator
from math import inf

import pytest

from runner.execute.work import Work
from runner.nouns import Cell, Request


def cells(count: int) -> Iterator[Cell]:
    for number in range(count):
        yield Cell(digest=str(number), coordinates={}, request=Request(endpoint="text2img", parameters={}))


def test_cells_come_in_the_order_of_the_plan() -> None:
    work = Work(cells(3), most_waiting=9)
    assert [work.take(0.0).cell.digest for _ in range(3)] == ["0", "1", "2"]
    assert (work.over, work.wait(0.0)) == (True, inf)


def test_a_cell_that_is_due_goes_before_a_new_one_and_knows_how_often_it_failed() -> None:
    work = Work(cells(3), most_waiting=9)
    work.again(work.take(0.0), due=5.0)
    early = work.take(4.0)
    late = work.take(5.0)
    assert [(early.cell.digest, early.failures), (late.cell.digest, late.failures)] == [("1", 0), ("0", 1)]


def test_cells_that_wait_come_back_in_the_order_in_which_they_are_due() -> None:
    work = Work(cells(3), most_waiting=9)
    for due in (7.0, 3.0, 3.0):
        work.again(work.take(0.0), due=due)
    assert work.wait(1.0) == 2.0
    assert [work.take(7.0).cell.digest for _ in range(3)] == ["1", "2", "0"]


def test_no_new_cell_is_begun_while_as_many_wait_as_fit() -> None:
    work = Work(cells(3), most_waiting=2)
    for _ in range(2):
        work.again(work.take(0.0), due=9.0)
    assert (work.wait(0.0), work.wait(9.0), work.over) == (9.0, 0.0, False)
    assert work.take(9.0).cell.digest == "0"


def test_nothing_is_left_after_the_last() -> None:
    with pytest.raises(IndexError, match="nothing is left to try"):
        Work([], most_waiting=1).take(0.0)
