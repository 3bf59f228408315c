"""Trains one LoRA (Hu et al. 2021) that turns the model's pictures towards a style, smoothly from strength 0 to 1.

Every step draws a strength, sets the LoRA to it, and asks for that share of the way from the plain picture's latents to
the styled one's. So half the strength means half the style by training, where a LoRA that only ever saw full strength
flips from one look to the other somewhere in between.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import StableDiffusionPipeline
from peft import LoraConfig
from peft.tuners.tuners_utils import BaseTunerLayer
from peft.utils import get_peft_model_state_dict

from runner.studio.captions import random_caption
from runner.studio.diffusion import NoiseSchedule, offset_noise, seed_for, stratified_timesteps
from runner.studio.latents import encode, pixels
from runner.studio.networks import Networks
from runner.studio.scenes import Scene, draw
from runner.studio.styles import STYLES
from runner.studio.tokenizer import PromptEncoder
from runner.studio.training import predict

ADAPTER = "default"

LAYERS = (
    *("to_q", "to_k", "to_v", "to_out.0", "ff.net.0.proj", "ff.net.2", "proj_in", "proj_out"),
    *("conv1", "conv2", "conv_out"),
)
"""Layers of the UNet that a LoRA changes: attention decides what is where, convolutions how it is painted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoraPlan:
    """What a LoRA's training does, fixed before it starts."""

    style: str
    steps: int = 400
    samples_a_step: int = 16
    learning_rate: float = 2e-3
    rank: int = 4
    warmup: int = 20
    seed: int = 20261123

    def rate(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0: a short rise, then a straight fall."""
        return self.learning_rate * min(1.0, (step + 1) / self.warmup) * (1 - step / self.steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class StylePairs:
    """The same scenes plain and styled: scaled latents of shape (scenes, 4, height / 8, width / 8) each."""

    plain: torch.Tensor
    styled: torch.Tensor
    scenes: tuple[Scene, ...]

    @classmethod
    def encode(cls, autoencoder: Any, scenes: Sequence[Scene], style: str, size: int) -> "StylePairs":
        """Draw scenes at `size` x `size` pixels and encode them as they are and in a style."""
        plain, styled = [], []
        for scene in scenes:
            image = draw(scene, size, size)
            both = encode(autoencoder, pixels([image, STYLES[style](image)]))
            plain.append(both[:1])
            styled.append(both[1:])
        return cls(plain=torch.cat(plain), styled=torch.cat(styled), scenes=tuple(scenes))


def train_lora(
    networks: Networks,
    pairs: StylePairs,
    plan: LoraPlan,
    prompts: PromptEncoder,
    report: Callable[[int, float], None],
) -> dict[str, torch.Tensor]:
    """Train a LoRA on the UNet and return its weights in peft's naming, in fp16. The networks keep theirs.

    Args:
        networks: the base model.
        pairs: what to learn.
        plan: how long and how fast.
        prompts: captions to token ids.
        report: is told the step and the mean squared error since the last time.
    """
    unet = networks.unet.requires_grad_(requires_grad=False)
    networks.text_encoder.requires_grad_(requires_grad=False)
    torch.manual_seed(plan.seed)
    unet.add_adapter(LoraConfig(r=plan.rank, lora_alpha=plan.rank, target_modules=list(LAYERS)), adapter_name=ADAPTER)
    trained = [parameter for parameter in unet.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=plan.learning_rate, betas=(0.9, 0.99), weight_decay=0.0)
    schedule, errors = NoiseSchedule(), []
    for step in range(plan.steps):
        for group in optimizer.param_groups:
            group["lr"] = plan.rate(step)
        error, loss = _loss(networks, pairs, plan, prompts, schedule, step)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        errors.append(error)
        if (step + 1) % 50 == 0 or step + 1 == plan.steps:
            report(step + 1, sum(errors) / len(errors))
            errors.clear()
    set_strength(unet, 1.0)
    weights = get_peft_model_state_dict(unet, adapter_name=ADAPTER)
    halved = {name: weight.detach().clone().half() for name, weight in weights.items()}
    unet.unload_lora()
    return halved


def set_strength(unet: Any, strength: float) -> None:
    """Set how strongly the LoRA in training acts, 0 to 1."""
    for module in unet.modules():
        if isinstance(module, BaseTunerLayer):
            module.set_scale(ADAPTER, strength)


def save_lora(path: Path, weights: Mapping[str, torch.Tensor]) -> None:
    """Write a LoRA's weights as diffusers reads them."""
    StableDiffusionPipeline.save_lora_weights(path.parent, unet_lora_layers=dict(weights), weight_name=path.name)


def _loss(
    networks: Networks,
    pairs: StylePairs,
    plan: LoraPlan,
    prompts: PromptEncoder,
    schedule: NoiseSchedule,
    step: int,
) -> tuple[float, torch.Tensor]:
    seed = seed_for(plan.seed, plan.style, step)
    generator, chance = torch.Generator().manual_seed(seed), random.Random(seed)
    strength = chance.choice([1.0, chance.uniform(0.05, 1.0)])
    set_strength(networks.unet, strength)
    chosen = torch.randint(len(pairs.scenes), (plan.samples_a_step,), generator=generator)
    latents = torch.lerp(pairs.plain[chosen], pairs.styled[chosen], strength)
    captions = [
        "" if chance.random() < 0.1 else random_caption(pairs.scenes[index], chance) for index in chosen.tolist()
    ]
    timesteps, noise = stratified_timesteps(plan.samples_a_step, generator), offset_noise(latents, generator)
    noisy = schedule.add_noise(latents, noise, timesteps)
    errors = (predict(networks, noisy, timesteps, prompts(captions)) - noise).pow(2).mean((1, 2, 3))
    return errors.mean().item(), (errors * schedule.weight[timesteps]).mean()
