"""What can go wrong is drawn as a tree, and the drawing is true."""

import inspect
import re

import pytest

from runner import errors
from runner.errors import Complaint, ExperimentError, SweepError

DRAWN = re.findall(
    r"^ +([│├└─ ]*)(\w+Error|\w+Unavailable|\w+Missing|\w+Lost) .*?(?:exit (\d))?$", errors.__doc__ or "", re.MULTILINE
)
CLASSES = {name: kind for name, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, SweepError)}


def _parents() -> dict[str, str]:
    """Return each drawn class's parent, read from how far it is indented."""
    found: dict[str, str] = {}
    above = {0: "SweepError"}
    for branches, name, _ in DRAWN:
        depth = len(branches) // 4
        above[depth] = name
        found[name] = above[depth - 1] if depth else "SweepError"
    return found


def test_every_error_class_is_drawn_below_its_parent() -> None:
    classes = {name: kind.__bases__[0].__name__ for name, kind in CLASSES.items() if kind is not SweepError}
    assert {name: parent for name, parent in _parents().items() if name != "SweepError"} == classes


def test_exit_codes_are_those_of_the_drawing() -> None:
    drawn = {name: int(code) for _, name, code in DRAWN if code}
    assert drawn == {
        "InputError": 2,
        "TargetError": 4,
        "RunFolderError": 2,
        "EngineMissing": 2,
    }
    assert {name: CLASSES[name].exit_code for name in drawn} == drawn
    assert (errors.ExperimentError.exit_code, errors.TargetUnavailable.exit_code) == (2, 4)
    assert (SweepError.exit_code, errors.EngineError.exit_code, errors.ImageError.exit_code) == (1, 1, 1)


@pytest.mark.parametrize(
    ("complaint", "line"),
    [
        (Complaint("a.yaml", 12, 5, "axes.seed.2", "-1 is too little"), "a.yaml:12:5: axes.seed.2: -1 is too little"),
        (Complaint("a.yaml", 0, 0, "", "the file is empty"), "a.yaml: the file is empty"),
        (Complaint("--set", 0, 0, "parameters.width", "7 is too little"), "--set: parameters.width: 7 is too little"),
        (Complaint("a.yaml", 3, 1, "", "a tab; use blanks"), "a.yaml:3:1: a tab; use blanks"),
    ],
)
def test_a_complaint_is_one_line_with_its_place(complaint: Complaint, line: str) -> None:
    assert str(complaint) == line


def test_complaints_come_in_the_order_of_the_file() -> None:
    late = Complaint("a.yaml", 10, 2, "", "second")
    early = Complaint("a.yaml", 9, 30, "axes", "first")
    error = ExperimentError([late, early])
    assert str(error) == "a.yaml:9:30: axes: first\na.yaml:10:2: second"
    assert error.complaints == (early, late)
