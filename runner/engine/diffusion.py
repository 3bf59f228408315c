"""The diffusion engine: any folder of Stable Diffusion models (1, 2, XL) in the diffusers format, driven by diffusers.

What differs between these families is in `runner.engine.families`, what lies where in a folder in
`runner.engine.folders`, the 18 schedulers in `runner.engine.schedulers`, what `enhance_prompt` does in
`runner.engine.enhance`. Nothing is fetched: what is not in the folder does not exist.

Bytes. One picture a call, one precision, a fixed number of threads, and all randomness from one generator on the CPU
seeded with the generation's seed: equal generations give equal bytes on one machine with one version of torch. Another
number of threads changes some pixels by 1 of 255, and so does a batch (`runner.engine.batches`), which nobody gets unasked.

Memory. The two models used last stay loaded, each with one VAE besides its own and with the LoRAs of its last picture.
Where these are added into the weights (`runner.engine.merging`), the weights of the layers that they change are there
twice. A model whose files changed is loaded again.
"""

import importlib
import os
from collections import OrderedDict
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from runner.engine import enhance
from runner.engine.folders import ModelFolder, ModelLibrary, Stamp
from runner.engine.safety import judged
from runner.engine.tuning import PLAIN, Tuning
from runner.errors import EngineMissing
from runner.nouns import Drawn, Generation

if TYPE_CHECKING:
    from runner.engine import Engine
    from runner.engine.loaded import LoadedModel

PACKAGES: Final = ("torch", "diffusers", "transformers", "peft", "accelerate", "safetensors", "scipy", "tomesd")
"""The packages of the extra `local`; scipy is what LMSDiscreteScheduler integrates with."""

MODELS_KEPT: Final = 2


class DiffusionEngine:
    """Drives diffusers over the models of a folder.

    Constructing it and `models()` import neither torch nor diffusers; the first picture does, which takes seconds.

    Args:
        model_dir: one model in the diffusers format, or a folder of such models.
        device: where torch computes: "cpu", "cuda", "cuda:1", "mps".
        threads: how many threads torch uses on the CPU. It is a setting of the whole process, set at each picture.
        tuning: precision and layout of what is computed.

    Raises:
        EngineMissing: a package of the extra `local` is not installed.
        EngineError: the folder holds no model.
    """

    name = "diffusion"

    def __init__(self, model_dir: Path, *, device: str = "cpu", threads: int = 1, tuning: Tuning = PLAIN) -> None:
        require_packages()
        self._library = ModelLibrary(model_dir)
        self._library.folders()
        self._device = device
        self._threads = threads
        self._tuning = tuning
        self._loaded: OrderedDict[str, tuple[Stamp, LoadedModel]] = OrderedDict()

    def models(self) -> dict[str, str]:
        """Return the digest of each model by model_id: over all its files, its LoRAs and VAEs among them."""
        return self._library.digests()

    def generate(self, generation: Generation) -> Drawn:
        """Return one picture as PNG.

        As everywhere in diffusers, clip_skip concerns the prompt and not the negative prompt.
        In inpaint, pixels where the mask is black are the initial image's own, not their passage through the VAE. A
        strength that leaves less than one step of denoising returns the initial image as the VAE keeps it.

        Raises:
            EngineError: a model, LoRA, VAE, scheduler or layer that is not there; an image that cannot be decoded;
                what diffusers refuses; numbers that left the range of the model's floats.
        """
        return self.generate_batch([generation])[0]

    def generate_batch(self, generations: Sequence[Generation]) -> list[Drawn]:
        """Return pictures that one call of a pipeline makes; raises as `generate` does."""
        model = self._model(self._library.folder(generations[0].model_id))
        checker = model.checker() if any(generation.hide for generation in generations) else None
        made = zip(model.pictures(generations), generations, strict=True)
        return [judged(picture, generation, checker) for picture, generation in made]

    def load(self, model_id: str) -> None:
        """Bring a model into memory. Raises EngineError when there is none, or it cannot be loaded."""
        self._model(self._library.folder(model_id))

    def unload(self) -> None:
        """Forget every loaded model."""
        self._loaded.clear()

    def enhance(self, prompt: str, model_id: str) -> str:
        """Return the prompt with the additions of the model's `enhance.json` that it lacks.

        Raises:
            EngineError: there is no such model, or its file cannot be understood.
        """
        return enhance.enhance(prompt, enhance.additions_of(self._library.folder(model_id).path))

    def _model(self, folder: ModelFolder) -> "LoadedModel":
        stamp = folder.stamp()
        loaded = self._loaded.pop(folder.model_id, None)
        if loaded is None or loaded[0] != stamp:
            while len(self._loaded) >= MODELS_KEPT:
                self._loaded.popitem(last=False)
            loaded = (stamp, _backend().LoadedModel(folder, self._device, self._threads, self._tuning))
        self._loaded[folder.model_id] = loaded
        return loaded[1]


def _backend() -> Any:
    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # huggingface_hub reads it once, when it is imported
    importlib.import_module("runner.engine.quiet").hush()  # before the pipelines are imported, which is when they talk
    return importlib.import_module("runner.engine.loaded")


def require_packages(find: Callable[[str], object] = find_spec) -> None:
    """Check, without importing them, that the packages of the extra `local` are installed.

    Raises:
        EngineMissing: one is not; the message names those that are missing and the command that installs them.
    """
    missing = [package for package in PACKAGES if find(package) is None]
    if missing:
        raise EngineMissing(
            f"the diffusion engine: {', '.join(missing)} not installed; it needs {', '.join(PACKAGES)}: run "
            'pip install "sweeprunner[local]", or use the sketch engine'
        )


if TYPE_CHECKING:
    _conforms: Engine = DiffusionEngine(Path())
