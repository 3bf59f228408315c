"""Engines for child processes: they are told what to do by the seed that they are asked for."""

import os
import signal
import socket
from dataclasses import dataclass
from pathlib import Path

from runner.engine.sketch import SketchEngine
from runner.errors import EngineError
from runner.nouns import Drawn, Generation

KILLED_ONCE, KILLED_ALWAYS, REFUSED, BROKEN, MEETING = 101, 102, 103, 104, 105


@dataclass
class ObedientEngine(SketchEngine):
    """The sketch engine, which dies, fails or waits for its parent when a seed says so."""

    folder: Path

    def generate(self, generation: Generation) -> Drawn:
        match generation.seed:
            case seed if seed == KILLED_ALWAYS or (seed == KILLED_ONCE and not (self.folder / "killed").exists()):
                (self.folder / "killed").touch()
                os.kill(os.getpid(), signal.SIGKILL)
            case seed if seed == REFUSED:
                raise EngineError("vae: no VAE 'x'; there is none: leave it out")
            case seed if seed == BROKEN:
                raise ZeroDivisionError("a fault of the engine")
            case seed if seed >= MEETING:
                with socket.socket(socket.AF_UNIX) as meeting:
                    meeting.connect(str(self.folder / "meeting"))
                    meeting.recv(1)
        return super().generate(generation)
