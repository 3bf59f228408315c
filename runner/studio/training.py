"""Trains the UNet and the text encoder together, in one process or several, and resumes to the bit.

Every step draws from generators of its own, seeded by (run's seed, step, worker). A checkpoint therefore needs no state of
any generator: step, weights, their moving average and the optimiser's moments are all, and a run that was stopped and
continued ends with the same weights as one that was not.

Workers are processes of one thread each, because two such processes were faster than one of two threads. They average their
gradients at every step, so that they hold the same weights throughout.
"""

import contextlib
import copy
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
import torch.distributed

from runner.studio.captions import random_caption
from runner.studio.diffusion import NoiseSchedule, attention, offset_noise, seed_for, stratified_timesteps
from runner.studio.latents import LatentSet
from runner.studio.networks import Networks, inner_text_model
from runner.studio.tokenizer import PromptEncoder

CAPTION_DROPOUT = 0.10
"""Share of samples trained without a caption, for classifier-free guidance (Ho and Salimans 2022)."""

CLIP_SKIP_SHARE = 0.15
"""Share of steps that read an earlier layer of the text encoder, so that `clip_skip` 1 and 2 stay in the model's range."""

FINAL_RATE = 0.02
"""Learning rate at the last step, as a share of the highest."""

EMA_DECAY = 0.999


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPlan:
    """What a run does, fixed before it starts. `steps` alone may change when a run is continued.

    Attributes:
        steps: optimiser steps in all.
        samples_a_step: pictures of the first shape a worker sees at each step; larger shapes get as many fewer.
        learning_rate: highest rate of AdamW.
        warmup: steps over which the rate rises.
        decay: share of the steps, at the end, over which the rate falls along a cosine to `FINAL_RATE`.
        seed: from which every draw of the run derives.
        workers: processes that share the work.
    """

    steps: int
    samples_a_step: int = 16
    learning_rate: float = 8e-4
    warmup: int = 100
    decay: float = 0.5
    seed: int = 20261123
    workers: int = 1

    def rate(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0."""
        start = self.steps * (1 - self.decay)
        fall = max(0.0, step - start) / max(1.0, self.steps - start)
        cosine = 0.5 * (1 + torch.cos(torch.tensor(torch.pi * min(1.0, fall))).item())
        return self.learning_rate * min(1.0, (step + 1) / self.warmup) * (FINAL_RATE + (1 - FINAL_RATE) * cosine)


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One shape of picture and how many of the steps train on it."""

    latents: LatentSet
    weight: float


@dataclass(slots=True, kw_only=True)
class TrainingState:
    """Everything that a step changes."""

    networks: Networks
    average: Networks
    optimizer: torch.optim.Optimizer
    step: int = 0
    samples: int = 0
    seconds: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)

    @classmethod
    def start(cls, networks: Networks, learning_rate: float) -> "TrainingState":
        """Begin a run from networks as they are. Weight decay applies to matrices alone."""
        networks.unet.to(memory_format=torch.channels_last)
        average = Networks(
            unet=copy.deepcopy(networks.unet).eval().requires_grad_(False),
            text_encoder=copy.deepcopy(networks.text_encoder).eval().requires_grad_(False),
        )
        networks.unet.train()
        networks.text_encoder.train()
        parameters = networks.parameters()
        groups = [
            {"params": [each for each in parameters if each.ndim >= 2], "weight_decay": 1e-3},
            {"params": [each for each in parameters if each.ndim < 2], "weight_decay": 0.0},
        ]
        optimizer = torch.optim.AdamW(groups, lr=learning_rate, betas=(0.9, 0.99), fused=True)
        return cls(networks=networks, average=average, optimizer=optimizer)

    def save(self, path: Path) -> None:
        """Write a checkpoint whole or not at all."""
        part = path.with_suffix(".part")
        torch.save(
            {
                "networks": [each.detach() for each in self.networks.parameters()],
                "average": [each.detach() for each in self.average.parameters()],
                "optimizer": self.optimizer.state_dict(),
                "step": self.step,
                "samples": self.samples,
                "seconds": self.seconds,
                "history": self.history,
            },
            part,
        )
        part.replace(path)

    def restore(self, path: Path) -> None:
        """Take over a checkpoint that `save` wrote for the same architectures."""
        saved = torch.load(path, weights_only=True)
        with torch.no_grad():
            for name in ("networks", "average"):
                for parameter, value in zip(getattr(self, name).parameters(), saved[name], strict=True):
                    parameter.copy_(value)
        self.optimizer.load_state_dict(saved["optimizer"])
        self.step, self.samples, self.seconds = saved["step"], saved["samples"], saved["seconds"]
        self.history = saved["history"]


class Trainer:
    """Takes training steps on one worker's share of the pictures."""

    def __init__(
        self, state: TrainingState, plan: TrainingPlan, shares: Sequence[Share], prompts: PromptEncoder
    ) -> None:
        self.state = state
        self.plan = plan
        self._shares = shares
        self._prompts = prompts
        self._schedule = NoiseSchedule()
        self._worker = torch.distributed.get_rank() if torch.distributed.is_initialized() else 0

    def step(self) -> float:
        """Take one step and return its unweighted epsilon error on this worker."""
        state, plan = self.state, self.plan
        for group in state.optimizer.param_groups:
            group["lr"] = plan.rate(state.step)
        shared = random.Random(seed_for(plan.seed, state.step))
        share = shared.choices(self._shares, [each.weight for each in self._shares])[0]
        skip = shared.choice([1, 2]) if shared.random() < CLIP_SKIP_SHARE else 0
        count = self._batch_size(share)
        error, loss = self._loss(share.latents, count, skip)
        state.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        parameters = state.networks.parameters()
        _average_gradients(parameters)
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        state.optimizer.step()
        state.step += 1
        state.samples += count * plan.workers
        _follow(state.average.parameters(), parameters, state.step)
        return error

    def _batch_size(self, share: Share) -> int:
        first, other = (each.latents.latents[0, 0].numel() for each in (self._shares[0], share))
        return max(1, round(self.plan.samples_a_step * first / other))

    def _loss(self, data: LatentSet, count: int, skip: int) -> tuple[float, torch.Tensor]:
        seed = seed_for(self.plan.seed, self.state.step, self._worker)
        generator, words = torch.Generator().manual_seed(seed), random.Random(seed)
        chosen = torch.randint(len(data.scenes), (count,), generator=generator)
        latents = data.latents[chosen]
        captions = [
            "" if words.random() < CAPTION_DROPOUT else random_caption(data.scenes[index], words)
            for index in chosen.tolist()
        ]
        timesteps = stratified_timesteps(count, generator)
        noise = offset_noise(latents, generator)
        noisy = self._schedule.add_noise(latents, noise, timesteps).contiguous(memory_format=torch.channels_last)
        prediction = predict(self.state.networks, noisy, timesteps, self._prompts(captions), skip)
        errors = (prediction - noise).pow(2)
        attended = (errors * attention(*latents.shape[2:])).mean((1, 2, 3))
        return errors.mean().item(), (attended * self._schedule.weight[timesteps]).mean()


def predict(
    networks: Networks, noisy: torch.Tensor, timesteps: torch.Tensor, prompts: torch.Tensor, skip: int = 0
) -> torch.Tensor:
    """Return the noise that the UNet sees, given token ids; `skip` layers of the text encoder are left out as by clip_skip."""
    if skip:
        encoded = networks.text_encoder(prompts, output_hidden_states=True)
        hidden = inner_text_model(networks.text_encoder).final_layer_norm(encoded.hidden_states[-1 - skip])
    else:
        hidden = networks.text_encoder(prompts).last_hidden_state
    prediction: torch.Tensor = networks.unet(noisy, timesteps, hidden).sample
    return prediction


class Validation:
    """The error on pictures that no step sees, at timesteps, noise and captions that never change."""

    def __init__(self, data: LatentSet, prompts: PromptEncoder, *, seed: int = 1) -> None:
        generator, words = torch.Generator().manual_seed(seed), random.Random(seed)
        self._latents = data.latents
        self._timesteps = torch.randint(1000, (len(data.scenes),), generator=generator)
        self._noise = torch.randn(data.latents.shape, generator=generator)
        self._prompts = prompts([random_caption(scene, words) for scene in data.scenes])
        self._schedule = NoiseSchedule()

    def error(self, networks: Networks) -> float:
        """Return the mean squared error of the predicted noise."""
        total = 0.0
        with torch.no_grad():
            for part in torch.arange(len(self._latents)).split(16):
                noise, timesteps = self._noise[part], self._timesteps[part]
                noisy = self._schedule.add_noise(self._latents[part], noise, timesteps)
                noisy = noisy.contiguous(memory_format=torch.channels_last)
                prediction = predict(networks, noisy, timesteps, self._prompts[part])
                total += (prediction - noise).pow(2).mean((1, 2, 3)).sum().item()
        return total / len(self._latents)


def run(
    trainer: Trainer,
    *,
    stop: Callable[[], bool],
    report: Callable[[TrainingState, float], None],
    report_every: int = 50,
) -> None:
    """Take steps until the plan's last, or until `stop` says so on any worker. `report` gets the mean error since before."""
    state = trainer.state
    errors: list[float] = []
    before, started = state.seconds, time.monotonic()
    while state.step < trainer.plan.steps and not _anyone(stop()):
        errors.append(trainer.step())
        state.seconds = before + time.monotonic() - started
        if state.step % report_every == 0 or state.step == trainer.plan.steps:
            report(state, sum(errors) / len(errors))
            errors.clear()


@contextlib.contextmanager
def worker_group(worker: int, workers: int, rendezvous: Path) -> Iterator[None]:
    """Join the group of workers that meet at a file, for the length of a `with` block."""
    if workers > 1:
        torch.distributed.init_process_group(
            "gloo", init_method=rendezvous.absolute().as_uri(), rank=worker, world_size=workers
        )
    try:
        yield
    finally:
        if workers > 1:
            torch.distributed.destroy_process_group()


def describe(plan: TrainingPlan, shares: Sequence[Share], networks: Networks) -> str:
    """Return the plan as text, to be printed before the first step."""
    total = sum(share.weight for share in shares)
    lines = [f"  {name}: {value}" for name, value in asdict(plan).items()]
    lines += [
        f"  {share.latents.latents.shape[3] * 8}x{share.latents.latents.shape[2] * 8}: {len(share.latents.scenes)} pictures, "
        f"{share.weight / total:.0%} of the steps"
        for share in shares
    ]
    lines.append(f"  parameters: {sum(parameter.numel() for parameter in networks.parameters()):,}")
    return "\n".join(lines)


def _average_gradients(parameters: Sequence[torch.nn.Parameter]) -> None:
    if not torch.distributed.is_initialized():
        return
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
    torch.distributed.all_reduce(flat)
    flat /= torch.distributed.get_world_size()
    for gradient, mean in zip(gradients, flat.split([gradient.numel() for gradient in gradients]), strict=True):
        gradient.copy_(mean.view(gradient.shape))


def _anyone(stop: bool) -> bool:
    if not torch.distributed.is_initialized():
        return stop
    flag = torch.tensor([float(stop)])
    torch.distributed.all_reduce(flag)
    return bool(flag.item() > 0)


def _follow(average: list[torch.nn.Parameter], parameters: list[torch.nn.Parameter], step: int) -> None:
    decay = min(EMA_DECAY, (1 + step) / (20 + step))
    with torch.no_grad():
        torch._foreach_lerp_([*average], [*parameters], 1 - decay)
