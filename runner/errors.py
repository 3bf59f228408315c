"""What can go wrong, drawn as a tree.

    SweepError
    ├── InputError              the user's words are wrong: a file, a flag, a folder          exit 2
    │   └── ExperimentError     an experiment file has one complaint or more, each with its place
    ├── TargetError             the target refused the whole run: key, credits, plan          exit 4
    │   └── TargetUnavailable   nothing answers at the target's address
    ├── RunFolderError          a run folder cannot be used: locked, newer, damaged           exit 2
    ├── EngineError             an engine cannot do what a request asks
    │   ├── EngineLost          the process that an engine runs in has died
    │   └── EngineMissing       the engine's optional packages are not installed              exit 2
    └── ImageError              bytes that should be an image are not

Every message has four parts: where, what was found, what is allowed, what to do next. Users see the message alone;
`sweep --debug` shows the traceback too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


class SweepError(Exception):
    """Base of every error that this package raises on purpose; `exit_code` is what `sweep` ends with."""

    exit_code: ClassVar[int] = 1


class InputError(SweepError):
    """The user's words are wrong: a file that is not there, a flag that does not fit, a folder of another kind."""

    exit_code = 2


@dataclass(frozen=True, slots=True, order=True)
class Complaint:
    """One thing that is wrong in a file, and where.

    Attributes:
        file: the file's name as the user gave it, or `--set` for a value from the command line.
        line: line, counted from 1; 0 when the complaint is about the file as a whole.
        column: column, counted from 1; 0 when the complaint is about the file as a whole.
        path: dotted path inside the document (`axes.guidance_scale.2`); empty for the document itself.
        message: what was found, what is allowed, what to do next.
    """

    file: str
    line: int
    column: int
    path: str
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{place}: {self.path}: {self.message}" if self.path else f"{place}: {self.message}"


class ExperimentError(InputError):
    """An experiment file has one complaint or more; `str()` gives one line each, in the order of the file."""

    def __init__(self, complaints: Sequence[Complaint]) -> None:
        self.complaints = tuple(sorted(complaints))
        super().__init__("\n".join(str(complaint) for complaint in self.complaints))


class TargetError(SweepError):
    """The target refused the whole run: the next thousand requests would fail alike."""

    exit_code = 4


class TargetUnavailable(TargetError):
    """Nothing answers at the target's address."""


class RunFolderError(SweepError):
    """A run folder cannot be used: another process holds it, a newer version wrote it, or it is damaged."""

    exit_code = 2


class EngineError(SweepError):
    """An engine cannot do what a request asks: a model it does not have, a LoRA that does not fit."""


class EngineLost(EngineError):
    """The process that an engine runs in has died; another try starts a new one."""


class EngineMissing(EngineError):
    """The engine's optional packages are not installed."""

    exit_code = 2


class ImageError(SweepError):
    """Bytes that should be an image cannot be decoded."""
