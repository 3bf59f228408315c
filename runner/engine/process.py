"""An engine in a process of its own, so that several use several cores, and one that dies takes nothing with it.

    server process                        child process
    ProcessEngine.generate ── pipe ──>    engine.generate
      models, enhance: answered here,     loaded models live here
      which needs neither torch nor it

The child starts with the first picture and ends when the pipe closes, or at once when the server's own process has
ended, however it did. It never hears of Ctrl-C, which a terminal sends to both: what is being made is finished, and then
the server ends it. Each child computes with as many threads as its engine is told to, by default one: bytes do not depend
on how many children there are.
"""

import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from runner.errors import EngineError, EngineLost
from runner.nouns import Drawn, Generation

if TYPE_CHECKING:
    from runner.engine import Engine

    MakeEngine: TypeAlias = Callable[[], Engine]

SPAWN: Final = multiprocessing.get_context("spawn")
"""A fork would copy torch's and the event loop's threads in the middle of whatever they do."""

NAME: Final = "sweep-engine"

ENDING: Final = 5.0
"""Seconds that a child has to end by itself once its pipe is closed."""


class ProcessEngine:
    """Satisfies `runner.engine.Engine` with another engine in a child process, started anew after it died.

    Args:
        make: returns the engine; picklable, such as a `functools.partial` of its class. It is called here too, for what
            needs no loaded model.

    Raises:
        EngineError: whatever `make` raises.
    """

    def __init__(self, make: "MakeEngine") -> None:
        self._make = make
        self._front = make()
        self._child: _Child | None = None
        self.name = self._front.name

    def models(self) -> Mapping[str, str]:
        """Return the digest of each model by model_id."""
        return self._front.models()

    def enhance(self, prompt: str, model_id: str) -> str:
        """Return the prompt that `enhance_prompt: yes` makes of a prompt."""
        return self._front.enhance(prompt, model_id)

    def generate(self, generation: Generation) -> Drawn:
        """Return one picture of the child's engine.

        Raises:
            EngineError: the engine's own.
            EngineLost: the child died over it; the next call starts another.
            RuntimeError: the engine failed in a way that it does not foresee; the message has its traceback.
        """
        drawn: Drawn = self._ask("generate", generation)
        return drawn

    def generate_batch(self, generations: Sequence[Generation]) -> list[Drawn]:
        """Return pictures that the child's engine makes in one go; raises as `generate` does."""
        drawn: list[Drawn] = self._ask("generate_batch", tuple(generations))
        return drawn

    def load(self, model_id: str) -> None:
        """Bring a model into the child's memory; raises as `generate` does."""
        self._ask("load", model_id)

    def unload(self) -> None:
        """End the child, and with it all the memory that it took."""
        if self._child:
            self._child.end()
            self._child = None

    @property
    def pid(self) -> int | None:
        """Return the child's process id; None while there is none."""
        return self._child.process.pid if self._child else None

    def _ask(self, verb: str, argument: object) -> Any:
        if self._child and not self._child.process.is_alive():
            self.unload()  # it died while it had nothing to do: no picture is to blame
        self._child = self._child or _Child(self._make)
        try:
            self._child.pipe.send((verb, argument))
            answer = self._child.pipe.recv()
        except (EOFError, OSError) as error:
            died = self._child.end()
            self._child = None
            raise EngineLost(
                f"engine: its process {died} during {verb}; it is started again for the next try: if it dies each "
                "time, look for what ended it (too little memory, for example)"
            ) from error
        if isinstance(answer, _Trouble):
            raise answer.error
        return answer


class _Trouble:
    """What went wrong in a child, on its way to the parent."""

    def __init__(self, error: Exception) -> None:
        self.error = error


class _Child:
    """A running child and the parent's end of its pipe."""

    def __init__(self, make: "MakeEngine") -> None:
        self.pipe, far = SPAWN.Pipe()
        self.process: SpawnProcess = SPAWN.Process(target=_serve, args=(far, make), name=NAME, daemon=True)
        with _deaf():
            self.process.start()
        far.close()

    def end(self) -> str:
        """Close the pipe, wait for the child, kill it if it stays, and return how it ended."""
        self.pipe.close()
        self.process.join(ENDING)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        code = self.process.exitcode or 0
        return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"


def end_children() -> None:
    """End every engine's process at once; what they are making is lost."""
    for child in multiprocessing.active_children():
        if child.name == NAME:
            child.kill()


@contextmanager
def _deaf() -> Iterator[None]:
    """Keep Ctrl-C from this thread, and from a process that starts meanwhile: it has the mask from its first moment."""
    resource_tracker.ensure_running()  # the first process would start it, and its start takes the mask away
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(pipe: Connection, make: "MakeEngine") -> None:
    """Answer the parent until its end of the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    engine: Engine | None = None
    with suppress(EOFError, OSError):
        while True:
            verb, argument = pipe.recv()
            try:
                engine = engine or make()
                answer = getattr(engine, verb)(argument)
            except EngineError as error:
                answer = _Trouble(error)
            except Exception:  # noqa: BLE001 - it is raised again in the parent, whose log it belongs to
                answer = _Trouble(RuntimeError(f"in the engine's process: {traceback.format_exc()}"))
            pipe.send(answer)


def _end_with_parent() -> None:
    """End this process when its parent has, in the middle of a picture too: nobody is left who wants it."""
    parent = multiprocessing.parent_process()
    if parent:
        parent.join()
        os._exit(1)
