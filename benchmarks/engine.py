"""What the engine costs and what batches give: pictures a second, beside the plain pipeline of diffusers in a loop.

    python benchmarks/engine.py [--lora ink] [--device cuda] [--dtype float16] [--channels-last] [--model sd15] [--size 512]

Model: `studio-tiny`, which ships, or `sd15`: random weights in the sizes of Stable Diffusion 1.5, whose pictures are noise and
whose time is that of the real one. 21 steps of DPM++ 2M, guidance 7.5, token merging off, one thread on a CPU. With --lora all
of them wear that one of the model's LoRAs at strength 0.8, in the plain pipeline beside its layers, as diffusers puts it on.
The ways take turns, so that whatever else the machine does meets all; a first turn of each is not counted. Prints the median of
the rounds, its ratio to the plain loop, and how far 8-bit pixels of a batch are from the same pictures made alone.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from io import BytesIO
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from PIL import Image

from runner.engine.diffusion import DiffusionEngine
from runner.engine.tuning import Tuning
from runner.nouns import Drawn, Generation
from runner.shipped import shipped

BATCHES = (1, 4, 16)
STRENGTH = 0.8
SEEDS = count(1)
STUDIO = shipped("models", "studio-tiny")


def main() -> None:
    said = arguments()
    tuning = Tuning(dtype=said.dtype, channels_last=said.channels_last)
    with tempfile.TemporaryDirectory() as place:
        folder = STUDIO if said.model == "studio-tiny" else save_sd15(Path(place) / "sd15")
        engine = DiffusionEngine(folder, device=said.device, tuning=tuning)
        asked = Generation(
            endpoint="text2img",
            model_id=folder.resolve().name,
            prompt="a red house, on the grass, blue sky",
            width=said.size,
            height=said.size,
            scheduler="DPMSolverMultistepScheduler",
            tomesd=False,
            loras=((said.lora, STRENGTH),) if said.lora else (),
        )
        plain = plain_pipeline(folder, said.device, tuning)
        if said.lora:
            plain.load_lora_weights(folder / "loras", weight_name=f"{said.lora}.safetensors", adapter_name="worn")
            plain.set_adapters(["worn"], [STRENGTH])
        ways: dict[str, Callable[[], float]] = {"plain loop": lambda: plain_rate(plain, asked, said.device)}
        ways |= {f"batch {size}": rate_of(engine, asked, size) for size in BATCHES}
        rates: dict[str, list[float]] = {name: [] for name in ways}
        for number in range(said.rounds + 1):
            for name, way in ways.items():
                rate = way()
                if number:
                    rates[name].append(rate)
        worn = f", LoRA {said.lora} at {STRENGTH}" if said.lora else ""
        print(f"{said.model}, {said.size}x{said.size}, {said.device}, {tuning.dtype_on(said.device)}{worn}")
        for name, found in rates.items():
            ratios = [rate / beside for rate, beside in zip(found, rates["plain loop"], strict=True)]
            print(
                f"{name}: {median(found):.3f} a second, ratio {median(ratios):.2f} "
                f"(from {min(ratios):.2f} to {max(ratios):.2f} in {len(ratios)} rounds)"
            )
        print(f"a batch of 4 and each alone: at most {furthest(engine, asked, 4)} of 255 apart")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="")
    parser.add_argument("--channels-last", action="store_true")
    parser.add_argument("--model", choices=("studio-tiny", "sd15"), default="studio-tiny")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--lora", default="")
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


def plain_pipeline(folder: Path, device: str, tuning: Tuning) -> Any:
    import torch  # noqa: PLC0415 - --help should not wait for it
    from diffusers import DPMSolverMultistepScheduler, StableDiffusionPipeline  # noqa: PLC0415

    from runner.engine.quiet import hush  # noqa: PLC0415

    hush()
    dtype = getattr(torch, tuning.dtype_on(device))
    pipeline = StableDiffusionPipeline.from_pretrained(folder, dtype=dtype, safety_checker=None, local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)
    config = pipeline.scheduler.config
    pipeline.scheduler = DPMSolverMultistepScheduler.from_config(config, use_karras_sigmas=True)
    if tuning.channels_last:
        pipeline.unet.to(memory_format=torch.channels_last)
        pipeline.vae.to(memory_format=torch.channels_last)
    torch.set_num_threads(1)
    return pipeline.to(device)


def plain_rate(pipeline: Any, asked: Generation, device: str, pictures: int = 4) -> float:
    """Return pictures a second of the plain pipeline, called once for each and encoded as the engine does."""
    import torch  # noqa: PLC0415 - as above

    from runner.engine.pictures import encode_png  # noqa: PLC0415

    began = time.perf_counter()
    for _ in range(pictures):
        made = pipeline(
            asked.prompt,
            width=asked.width,
            height=asked.height,
            num_inference_steps=asked.num_inference_steps,
            guidance_scale=asked.guidance_scale,
            generator=torch.Generator("cpu").manual_seed(next(SEEDS)),
        ).images[0]
        encode_png(made)
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    return pictures / (time.perf_counter() - began)


def rate_of(engine: DiffusionEngine, asked: Generation, size: int) -> Callable[[], float]:
    """Return what measures pictures a second in batches of a size; they are encoded, so that a device has ended its work."""

    def rate() -> float:
        calls = max(1, 4 // size)
        began = time.perf_counter()
        for _ in range(calls):
            engine.generate_batch([replace(asked, seed=next(SEEDS)) for _ in range(size)])
        return calls * size / (time.perf_counter() - began)

    return rate


def furthest(engine: DiffusionEngine, asked: Generation, size: int) -> int:
    batch = [replace(asked, seed=next(SEEDS)) for _ in range(size)]
    together, alone = pixels(engine.generate_batch(batch)), pixels([engine.generate(each) for each in batch])
    return int(np.abs(together - alone).max())


def pixels(drawn: Sequence[Drawn]) -> np.ndarray:
    return np.stack([np.asarray(Image.open(BytesIO(each.png)), dtype=np.int16) for each in drawn])


def save_sd15(folder: Path) -> Path:
    """Write a model of random weights with the U-Net and VAE of Stable Diffusion 1.5, and studio-tiny's tokenizer."""
    import torch  # noqa: PLC0415 - as above
    from diffusers import AutoencoderKL, PNDMScheduler, StableDiffusionPipeline, UNet2DConditionModel  # noqa: PLC0415
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer  # noqa: PLC0415

    torch.manual_seed(0)
    tokenizer = CLIPTokenizer.from_pretrained(STUDIO / "tokenizer", model_max_length=77, local_files_only=True)
    levels = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
    StableDiffusionPipeline(
        vae=AutoencoderKL(
            block_out_channels=(128, 256, 512, 512),
            down_block_types=["DownEncoderBlock2D"] * 4,
            up_block_types=["UpDecoderBlock2D"] * 4,
            layers_per_block=2,
            sample_size=512,
        ),
        text_encoder=CLIPTextModel(
            CLIPTextConfig(
                vocab_size=49408,
                hidden_size=768,
                intermediate_size=3072,
                num_hidden_layers=12,
                num_attention_heads=12,
                max_position_embeddings=77,
                bos_token_id=tokenizer.bos_token_id,
                eos_token_id=tokenizer.eos_token_id,
                pad_token_id=tokenizer.pad_token_id,
            )
        ),
        tokenizer=tokenizer,
        unet=UNet2DConditionModel(sample_size=64, cross_attention_dim=768),  # the other defaults are those of 1.5
        scheduler=PNDMScheduler(**levels, steps_offset=1, skip_prk_steps=True),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(folder)
    assert json.loads((folder / "model_index.json").read_text())["_class_name"] == "StableDiffusionPipeline"
    return folder


if __name__ == "__main__":
    main()
