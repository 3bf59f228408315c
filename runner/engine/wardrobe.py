"""LoRAs on a loaded model: put on by name, with a strength each, and taken off again."""

import warnings
from pathlib import Path
from typing import Any

from runner.engine.folders import ModelFolder, pick
from runner.engine.merging import Merged, merges
from runner.errors import EngineError


class Wardrobe:
    """The LoRAs of one model, those of the last picture still on it.

    Loading one takes a tenth of a second and more: from one strength to the next, nothing is loaded.
    """

    def __init__(self, folder: ModelFolder) -> None:
        self._folder = folder
        self._worn: tuple[str, ...] = ()
        self._set: tuple[tuple[str, float], ...] | None = ()
        self._merged: Merged | None = None

    def find(self, loras: tuple[tuple[str, float], ...]) -> list[Path]:
        """Return the files of these LoRAs. Raises EngineError when the model has none of that name."""
        there = self._folder.loras()
        return [pick(name, there, "lora_model", f"a LoRA of model {self._folder.model_id!r}") for name, _ in loras]

    def wear(self, pipeline: Any, files: list[Path], loras: tuple[tuple[str, float], ...]) -> None:
        """Put these LoRAs on the model, with their strengths, and take all others off.

        Raises:
            EngineError: one does not fit; it may be loaded by half, and the model is of no use any more.
        """
        if loras != self._set:
            self._set = None  # what fails on the way leaves nobody's strengths
            self._undo()
            self._change(pipeline, files, tuple(name for name, _ in loras))
            self._set_strengths(pipeline, [strength for _, strength in loras])
            self._set = loras

    def _undo(self) -> None:
        if self._merged is not None:
            self._merged.undo()
        self._merged = None

    def _change(self, pipeline: Any, files: list[Path], names: tuple[str, ...]) -> None:
        if names == self._worn:
            return
        if self._worn:
            pipeline.unload_lora_weights()
        self._worn = ()
        for index, file in enumerate(files):
            self._load(pipeline, file, _adapter(index))
        self._worn = names

    def _set_strengths(self, pipeline: Any, strengths: list[float]) -> None:
        """Let the LoRAs act that have a strength; one of strength 0 changes nothing, and nothing is computed for it."""
        acting = {_adapter(index): strength for index, strength in enumerate(strengths) if strength}
        if acting:
            pipeline.enable_lora()
            pipeline.set_adapters(list(acting), list(acting.values()))
            if merges(pipeline):
                self._merged = Merged(pipeline)
        elif strengths:
            pipeline.disable_lora()

    def _load(self, pipeline: Any, file: Path, adapter: str) -> None:
        unfit = (
            f"lora_model: {file.stem!r} does not fit model {self._folder.model_id!r}; a LoRA trained on such a model, "
            "in a safetensors file as diffusers or kohya writes it, is needed: send another, or leave it out"
        )
        try:
            with warnings.catch_warnings():
                # peft takes a second LoRA for a mistake; here it is what was asked for
                warnings.filterwarnings("ignore", "Already found a `peft_config` attribute", UserWarning)
                pipeline.load_lora_weights(
                    file.parent, weight_name=file.name, adapter_name=adapter, local_files_only=True
                )
        except Exception as error:  # a foreign file can make diffusers, peft and safetensors fail in any way
            raise EngineError(f"{unfit} ({type(error).__name__})") from error
        if not any(adapter in adapters for adapters in pipeline.get_list_adapters().values()):
            raise EngineError(unfit)


def _adapter(index: int) -> str:
    """Return peft's name for the LoRA at that position: file names can hold characters that peft refuses."""
    return f"lora_{index}"
