"""Starts the workers of a training run and keeps its folder: checkpoints, the averaged networks, a log.

WORK/checkpoint.pt           everything that continuing needs
WORK/averaged/               the moving average in fp32: unet/ and text_encoder/
WORK/training-log.jsonl      one line at each checkpoint: step, samples, seconds, errors
"""

import json
import multiprocessing
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from uuid import uuid4

import torch

from runner.studio.latents import LatentSet
from runner.studio.networks import Networks, build_networks, load_networks, quiet_libraries
from runner.studio.tokenizer import PromptEncoder, load_tokenizer
from runner.studio.training import (
    Share,
    Trainer,
    TrainingPlan,
    TrainingState,
    Validation,
    describe,
    run,
    worker_group,
)

SHAPES: tuple[tuple[str, float], ...] = (("256x256", 0.66), ("512x512", 0.16), ("384x256", 0.11), ("256x384", 0.07))
"""Which shapes are trained on, and in what share of the steps; the first is the native one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingOrder:
    """What the workers of one run are told.

    Attributes:
        work: the run's folder; `latents/` inside it holds the pictures.
        base: a folder whose `tokenizer/` is used, and whose networks are continued unless `fresh`.
        plan: what to do.
        checkpoint_every: seconds between checkpoints.
        fresh: start from untrained networks.
        rendezvous: a file that does not exist yet, at which the workers meet.
    """

    work: Path
    base: Path
    plan: TrainingPlan
    checkpoint_every: float
    fresh: bool
    rendezvous: Path


def launch(work: Path, base: Path, plan: TrainingPlan, *, checkpoint_every: float, fresh: bool) -> int:
    """Run a plan in worker processes and wait for them; return the highest of their exit codes.

    SIGTERM and Ctrl-C are handed to the workers, who take their last step, write a checkpoint and end.
    """
    order = TrainingOrder(
        work=work,
        base=base,
        plan=plan,
        checkpoint_every=checkpoint_every,
        fresh=fresh,
        rendezvous=work / f"rendezvous-{uuid4().hex}",
    )
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_work, args=(number, order)) for number in range(plan.workers)]

    def hand_on(_signal: int, _frame: FrameType | None) -> None:
        for worker in workers:
            worker.terminate()

    for worker in workers:
        worker.start()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, hand_on)
    for worker in workers:
        worker.join()
    order.rendezvous.unlink(missing_ok=True)
    return max(abs(worker.exitcode or 0) for worker in workers)


def load_shares(folder: Path, shapes: Sequence[tuple[str, float]] = SHAPES) -> list[Share]:
    """Read the training latents of every shape from a folder.

    Raises:
        FileNotFoundError: a shape has no file there.
    """
    shares = []
    for shape, weight in shapes:
        paths = sorted(folder.glob(f"train-{shape}-*.pt"))
        if not paths:
            raise FileNotFoundError(
                f"{folder} holds no train-{shape}-*.pt; training needs {', '.join(name for name, _ in shapes)}: "
                f"run `python -m runner.studio latents --size {shape}` first"
            )
        shares.append(Share(latents=LatentSet.load(paths), weight=weight))
    return shares


def _work(worker: int, order: TrainingOrder) -> None:
    """Be one worker of a run, from the first import to the last checkpoint."""
    told_to_stop = False

    def stop(_signal: int, _frame: FrameType | None) -> None:
        nonlocal told_to_stop
        told_to_stop = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hands Ctrl-C on as SIGTERM, once
    torch.set_num_threads(1)
    quiet_libraries()
    prompts = PromptEncoder(load_tokenizer(order.base))
    state = TrainingState.start(_networks(order), order.plan.learning_rate)
    checkpoint = order.work / "checkpoint.pt"
    if checkpoint.exists():
        state.restore(checkpoint)
    shares = load_shares(order.work / "latents")
    keeper = Keeper(order, prompts) if worker == 0 else None
    if keeper:
        print(describe(order.plan, shares, state.networks), flush=True)
    with worker_group(worker, order.plan.workers, order.rendezvous):
        trainer = Trainer(state, order.plan, shares, prompts)
        run(trainer, stop=lambda: told_to_stop, report=keeper.report if keeper else _silent)
    if keeper:
        keeper.keep(state)


def _networks(order: TrainingOrder) -> Networks:
    if order.fresh:
        return build_networks(len(load_tokenizer(order.base)), seed=order.plan.seed)
    return load_networks(order.base)


def _silent(_state: TrainingState, _error: float) -> None:
    """Only the first worker reports."""


class Keeper:
    """Prints progress and writes checkpoints, on the first worker."""

    def __init__(self, order: TrainingOrder, prompts: PromptEncoder) -> None:
        self._order = order
        self._validation = Validation(LatentSet.load(sorted((order.work / "latents").glob("validation-*.pt"))), prompts)
        self._last_kept = time.monotonic()
        self._last_error = float("nan")

    def report(self, state: TrainingState, error: float) -> None:
        """Print a line, and keep the state when it is time."""
        self._last_error = error
        print(
            f"step {state.step}/{self._order.plan.steps}  {state.samples:,} samples  {state.seconds:.0f} s  "
            f"eps-mse {error:.4f}  {state.samples / max(state.seconds, 1):.1f} samples/s",
            flush=True,
        )
        if time.monotonic() - self._last_kept >= self._order.checkpoint_every:
            self.keep(state)

    def keep(self, state: TrainingState) -> None:
        """Validate the averaged networks, and write them and a checkpoint; once for each step."""
        if state.history and state.history[-1]["step"] == state.step:
            return
        validation = self._validation.error(state.average)
        line = {
            "step": state.step,
            "samples": state.samples,
            "seconds": round(state.seconds, 1),
            "training_error": round(self._last_error, 5),
            "validation_error": round(validation, 5),
        }
        state.history.append(line)
        state.save(self._order.work / "checkpoint.pt")
        state.average.save(self._order.work / "averaged")
        with (self._order.work / "training-log.jsonl").open("a") as log:
            log.write(json.dumps(line) + "\n")
        print(f"kept: {json.dumps(line)}", flush=True)
        self._last_kept = time.monotonic()
