"""One model in memory, over the stock pipelines of diffusers. Importing this imports torch.

Everything is computed in the dtype of `runner.engine.tuning`, whatever the weights are stored in. The text encoders, the
U-Net and the VAE are loaded once and shared by the three pipelines; pipelines and schedulers are built for each picture,
which takes under a millisecond and leaves nothing behind for the next.
"""

from collections.abc import Sequence
from typing import Any

import torch
from PIL import Image

from runner.engine.clip_checker import ClipChecker
from runner.engine.denoising import denoise, input_images, reconstruct
from runner.engine.folders import ModelFolder, pick
from runner.engine.loading import family_in, load_model, load_vae
from runner.engine.safety import Checker, rule_of
from runner.engine.schedulers import INVERSE, scheduler_for
from runner.engine.tuning import Tuning
from runner.engine.wardrobe import Wardrobe
from runner.errors import EngineError
from runner.nouns import Generation


class LoadedModel:
    """A loaded model, with the LoRAs of the last picture still on it and the last custom VAE still at hand."""

    def __init__(self, folder: ModelFolder, device: str, threads: int, tuning: Tuning) -> None:
        self._folder = folder
        self._device = device
        self._tuning = tuning
        self._threads = threads
        self._family = family_in(folder)
        self._dress_anew()
        self._vae: tuple[str, Any] = ("", None)
        self._clip_checker: ClipChecker | None = None

    def checker(self) -> Checker | None:
        """Return what looks at this model's pictures: its own rule, or its safety checker; None when it has neither.

        Raises:
            EngineError: it is there and cannot be loaded.
        """
        rule = rule_of(self._folder.path)
        if rule is None and self._folder.has_safety_checker():
            self._clip_checker = self._clip_checker or ClipChecker(self._folder.path, self._device)
            return self._clip_checker
        return rule

    def pictures(self, generations: Sequence[Generation]) -> list[Image.Image]:
        """Return one picture for each generation: of one, or of several that have one `batch_key`.

        Raises:
            EngineError: the model, or diffusers with this model, cannot do what is asked; or numbers left the range of
                its floats on the way.
        """
        torch.set_num_threads(self._threads)
        first = generations[0]
        self._check(first)
        inputs = [input_images(generation) for generation in generations]
        self._wear(first.loras)
        pipeline = self._pipeline(first)
        if first.denoises:
            pictures = denoise(pipeline, inputs, generations, self._family.skipping)
        else:
            pictures = [reconstruct(pipeline, inputs[0]["image"], first)]
        if first.endpoint == "inpaint":
            pairs = zip(pictures, inputs, strict=True)
            return [Image.composite(picture, sent["image"], sent["mask_image"]) for picture, sent in pairs]
        return pictures

    def _check(self, generation: Generation) -> None:
        where, config = f"{generation.endpoint} with {generation.model_id}", self._base.unet.config
        if generation.width % 8 or generation.height % 8:
            size = f"{generation.width}×{generation.height}"
            raise EngineError(f"{where}: a size of {size} is not divisible by 8; send multiples of 8")
        self._family.check_skip(self._base, generation.clip_skip)
        if generation.scheduler == INVERSE and generation.endpoint != "text2img":
            raise EngineError(
                f"scheduler: {INVERSE} turns a picture into noise and denoises nothing, so {generation.endpoint} has "
                "no picture to give; the other 17 schedulers denoise: send one of these, or use text2img, where what "
                f"{INVERSE} makes is noise"
            )
        if config.in_channels != config.out_channels and generation.endpoint != "inpaint":
            raise EngineError(
                f"{where}: the model is an inpainting model, whose U-Net reads {config.in_channels} channels (latents, "
                "mask and masked image); it does inpaint alone: send it there, or choose another model_id"
            )

    def _pipeline(self, generation: Generation) -> Any:
        pipeline = self._family.pipeline(generation.endpoint, self._base, self._named_vae(generation.vae))
        pipeline.scheduler = scheduler_for(
            generation.scheduler,
            self._base.scheduler.config,
            use_karras_sigmas=generation.use_karras_sigmas,
            algorithm_type=generation.algorithm_type,
        )
        return pipeline

    def _named_vae(self, name: str) -> Any:
        """Return the model's own VAE, or the one of that name; only the last of these stays in memory."""
        if not name:
            return self._base.vae
        if self._vae[0] != name:
            folder = pick(name, self._folder.vaes(), "vae", f"a VAE of model {self._folder.model_id!r}")
            vae = load_vae(name, folder, self._device, self._tuning)
            if vae.config.latent_channels != self._base.vae.config.latent_channels:
                raise EngineError(
                    f"vae: {name!r} has {vae.config.latent_channels} latent channels, and model "
                    f"{self._folder.model_id!r} works with {self._base.vae.config.latent_channels}; send a VAE that "
                    "has as many, or leave vae out for the model's own"
                )
            self._vae = (name, vae)
        return self._vae[1]

    def _wear(self, loras: tuple[tuple[str, float], ...]) -> None:
        files = self._wardrobe.find(loras)
        try:
            self._wardrobe.wear(self._base, files, loras)
        except EngineError:
            self._dress_anew()
            raise

    def _dress_anew(self) -> None:
        """Load the model, with no LoRA on it."""
        self._base = load_model(self._folder, self._family, self._device, self._tuning)
        self._wardrobe = Wardrobe(self._folder)
