"""A run folder: plan, manifest, ledger and vault of one sweep, and the lock that gives it one writer.

    experiment.yaml     as given
    plan.json           frozen before the first send; replaced whole when the experiment is edited and run again
    manifest.json       versions, git commit, times, the target without secrets; of earlier sessions under `earlier`
    ledger.sqlite       attempts and outcomes
    lock.sqlite         empty; the process that holds its lock is the run's one writer, and writer.json says who that is
    control.json        what the user asks of a run that is under way
    ratings.json        all ratings that were imported
    images/ thumbnails/ inputs/
    results.csv, report/index.html

It can be moved, zipped and served as it is: nothing in it names a place outside, but for a `model_dir` that the
experiment names itself.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from runner.errors import RunFolderError
from runner.files import Content, write_whole
from runner.ledger import Ledger
from runner.lock import Writer, held, holder, locked, this_process
from runner.nouns import Wish
from runner.pace import Clock
from runner.plan import Plan
from runner.provenance import stamp
from runner.vault import Vault


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Paths and records of one run."""

    path: Path

    @property
    def ratings_path(self) -> Path:
        """Where all ratings lie that were imported; not there before the first."""
        return self.path / "ratings.json"

    @property
    def ledger_path(self) -> Path:
        """Where the ledger lies."""
        return self.path / "ledger.sqlite"

    @property
    def report(self) -> Path:
        """Where the page lies."""
        return self.path / "report" / "index.html"

    @property
    def vault(self) -> Vault:
        """The images of this run."""
        return Vault(self.path)

    def freeze(self, plan: Plan, manifest: Mapping[str, Any]) -> None:
        """Write the plan, the experiment as given and the manifest; each whole or not at all, before anything is sent.

        What the manifest said of an earlier session is kept: its pictures were made with what it names. One that is
        damaged is kept beside the new one, as manifest.damaged.json.
        """
        try:
            before = self.manifest()
        except RunFolderError:
            (self.path / "manifest.json").replace(self.path / "manifest.damaged.json")
            before = {}
        earlier = [*before.pop("earlier", []), *([before] if before else [])]
        if plan.experiment.source:
            write_whole(self.path / "experiment.yaml", plan.experiment.source.encode())
        write_whole(self.path / "manifest.json", _json({**manifest, **({"earlier": earlier} if earlier else {})}))
        write_whole(self.path / "plan.json", _json(plan.freeze()))

    def note(self, **facts: object) -> None:
        """Add facts to the manifest of this session."""
        write_whole(self.path / "manifest.json", _json(self.manifest() | facts))

    def write(self, name: str, data: Content) -> Path:
        """Write a file of the run, whole or not at all; return its path."""
        write_whole(self.path / name, data)
        return self.path / name

    def plan(self) -> Plan:
        """Return the frozen plan, with the experiment's text as given.

        Raises:
            RunFolderError: there is none, another version wrote it, or it was changed since.
        """
        path = self.path / "plan.json"
        if not path.is_file():
            raise RunFolderError(
                f"{self.path}: no plan.json here; a run folder is what `sweep run FILE --out {self.path}` writes: "
                "give the path of one"
            )
        try:
            plan = Plan.thaw(_read(path))
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise RunFolderError(f"{path}: {error}; run the experiment again with this sweep") from error
        source = self.path / "experiment.yaml"
        text = source.read_text(encoding="utf-8") if source.is_file() else ""
        return replace(plan, experiment=replace(plan.experiment, source=text))

    def manifest(self) -> dict[str, Any]:
        """Return the manifest, empty when the folder has none.

        Raises:
            RunFolderError: the file is damaged.
        """
        path = self.path / "manifest.json"
        return _read(path) if path.is_file() else {}

    @property
    def busy(self) -> bool:
        """Whether a process is writing to the run now."""
        return held(self.path)

    def ask(self, wish: Wish) -> None:
        """Ask something of the process that is writing to the run; it looks once a second."""
        write_whole(
            self._control, _json(asdict(self.wish()) | {k: v for k, v in asdict(wish).items() if v is not None})
        )

    def wish(self) -> Wish:
        """Return what was asked of the run since it was started. What `ask` did not write asks nothing."""
        try:
            said = _read(self._control)
            concurrency, rate = said.get("concurrency"), said.get("rate")
            return Wish(
                concurrency=None if concurrency is None else int(concurrency),
                rate=None if rate is None else float(rate),
            )
        except (OSError, OverflowError, RunFolderError, TypeError, ValueError):
            return Wish()

    def forget_wish(self) -> None:
        """Ask nothing more: what was asked of an earlier start is over."""
        self._control.unlink(missing_ok=True)

    @property
    def _control(self) -> Path:
        return self.path / "control.json"

    @property
    def begun(self) -> bool:
        """Whether the run has a ledger.

        Raises:
            RunFolderError: it had one, which is gone.
        """
        self._miss_ledger()
        return self.ledger_path.is_file()

    @contextmanager
    def reading(self) -> Iterator[Ledger]:
        """Open the ledger for reading, also while another process writes.

        Raises:
            RunFolderError: there is no ledger, or it cannot be read.
        """
        if not self.begun:
            raise RunFolderError(f"{self.path}: no ledger.sqlite here; nothing was sent yet: use `sweep run` first")
        with Ledger(self.ledger_path, readonly=True, writer=self._sweep) as ledger:
            yield ledger

    @property
    def writer(self) -> Writer | None:
        """The process that writes to the run now; None when there is none, or nobody knows which."""
        return holder(self.path)

    @contextmanager
    def writing(self, clock: Clock | None = None) -> Iterator[Ledger]:
        """Open the ledger as its one writer.

        Raises:
            RunFolderError: another process writes to this folder, nobody can, or the ledger is gone from a run.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunFolderError(
                f"{self.path}: {error.strerror}; a run needs a folder to write to: choose another with --out"
            ) from error
        self._miss_ledger()  # before there is a lock: a folder that never had one has lost nothing
        with (
            locked(self.path, this_process(stamp((clock or Clock()).now()))),
            Ledger(self.ledger_path, writer=self._sweep) as ledger,
        ):
            yield ledger

    def _miss_ledger(self) -> None:
        """Refuse a run that has lost its ledger: `sweep` makes the lock, then the ledger, then the plan, then pictures."""
        run = (self.path / "plan.json").exists() and (
            (self.path / "lock.sqlite").exists() or (self.path / "images").exists()
        )
        if run and not (self.ledger_path.exists() and self.ledger_path.stat().st_size):
            raise RunFolderError(
                f"{self.path}: no ledger.sqlite beside plan.json: what was sent and paid for is recorded there; "
                f"put it back, use `sweep rescue {self.path}`, or run into another folder with --out"
            )

    @property
    def _sweep(self) -> str:
        """Which sweep wrote the run last, as far as its manifest tells."""
        try:
            return f"sweeprunner {self.manifest()['versions']['sweeprunner']}"
        except (RunFolderError, LookupError, TypeError):
            return ""


def partial(manifest: Mapping[str, Any], *, owed: int, cells: int) -> str:
    """Say that a run is not whole, and why; empty when it owes nothing.

    Args:
        manifest: of the run.
        owed: cells of its plan that running again would send.
        cells: of its plan.
    """
    if not owed:
        return ""
    why = manifest.get("stopped") or "the run is not finished"
    return f"PARTIAL: {owed} of {cells} cells are not made yet ({why})."


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except ValueError as error:
        raise RunFolderError(
            f"{path}: {error}; the file is damaged: run the experiment again with this sweep"
        ) from error
    if not isinstance(found, dict):
        raise RunFolderError(f"{path}: no JSON object; the file is damaged: run the experiment again with this sweep")
    return found


def _json(value: object) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()
