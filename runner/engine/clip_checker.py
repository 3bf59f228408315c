"""The safety checker that Stable Diffusion folders hold: CLIP's view of a picture, held against embedded concepts."""

import logging
from pathlib import Path

import numpy as np
import torch
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from PIL import Image
from transformers import CLIPImageProcessorPil

from runner.errors import EngineError

# it warns of each picture that it finds; the answer says so already
logging.getLogger("diffusers.pipelines.stable_diffusion.safety_checker").setLevel(logging.ERROR)


class ClipChecker:
    """Judges by the picture alone (Rando et al. 2022, "Red-Teaming the Stable Diffusion Safety Filter")."""

    def __init__(self, model: Path, device: str) -> None:
        """Load the checker of a model folder.

        Raises:
            EngineError: the folder's `safety_checker` or `feature_extractor` cannot be loaded.
        """
        try:
            self._extractor = CLIPImageProcessorPil.from_pretrained(model / "feature_extractor", local_files_only=True)
            checker = StableDiffusionSafetyChecker.from_pretrained(model / "safety_checker", local_files_only=True)
        except (OSError, ValueError, RuntimeError) as error:
            raise EngineError(
                f"safety_checker: that of model {model.name!r} cannot be loaded ({str(error).strip().splitlines()[0]}); "
                "the folders safety_checker and feature_extractor of the diffusers format are needed: copy the model "
                "again, or send safety_checker: no"
            ) from error
        self._checker = checker.eval().to(device)
        self._device = device

    def __call__(self, prompt: str, picture: Image.Image) -> bool:  # noqa: ARG002 - this checker looks at pictures
        """Return whether the picture comes too close to one of the concepts."""
        seen = self._extractor(picture, return_tensors="pt").pixel_values.to(self._device)
        with torch.no_grad():
            _, unsafe = self._checker(clip_input=seen, images=np.zeros((1, 1, 1, 3), np.float32))
        return bool(unsafe[0])
