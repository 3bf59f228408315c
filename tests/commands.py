"""`sweep` in this process: what a command says, and its exit code."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from runner.cli import app
from runner.errors import SweepError
from runner.folder import RunFolder
from runner.nouns import Cell, Outcome


@dataclass(frozen=True, slots=True)
class Said:
    """What a command ended with."""

    code: int
    out: str
    err: str

    @property
    def facts(self) -> dict[str, Any]:
        """The JSON object that a command ended with."""
        found: dict[str, Any] = json.loads(self.out.splitlines()[-1])
        return found


def sweep(*words: object) -> Said:
    """Run a command as `sweep` would; an error on purpose is its line and its exit code."""
    done = CliRunner().invoke(app, [str(word) for word in words])
    if isinstance(done.exception, SweepError):
        return Said(done.exception.exit_code, done.stdout, f"{done.stderr}{done.exception}\n")
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return Said(done.exit_code, done.stdout, done.stderr)


def record(run: Path, *outcomes: Outcome, skip: int = 0) -> Sequence[Cell]:
    """Write outcomes of a run's cells into its ledger, in the order of its plan; return the cells."""
    folder = RunFolder(run)
    cells = list(folder.plan().cells())[skip : skip + len(outcomes)]
    with folder.writing() as ledger:
        for cell, outcome in zip(cells, outcomes, strict=True):
            ledger.finish(ledger.begin(cell, now=1.0), outcome, now=2.0)
    return cells
