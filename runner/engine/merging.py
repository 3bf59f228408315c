"""LoRAs added into the weights of the layers that they change. Importing this imports torch and peft.

A LoRA beside its layer is two products more for every layer at every run of the model; on the small layers of a CPU
that is half as much time again. Added into the weights (Hu et al. 2021, section 4.1) it costs nothing.
"""

from typing import Any

import torch
from peft.tuners.tuners_utils import BaseTunerLayer


def merges(pipeline: Any) -> bool:
    """Return whether LoRAs can be added into this pipeline's weights.

    Half precision rounds such a sum to a few bits of what the LoRA says: there it stays beside the layer.
    """
    return bool(pipeline.dtype == torch.float32)


class Merged:
    """The LoRAs that are on a pipeline, added into its weights, which are kept beside as they were."""

    def __init__(self, pipeline: Any) -> None:
        modules = [part for part in pipeline.components.values() if isinstance(part, torch.nn.Module)]
        self._layers = [layer for part in modules for layer in part.modules() if isinstance(layer, BaseTunerLayer)]
        self._before = [
            (weights, weights.data)
            for layer in self._layers
            for weights in layer.get_base_layer().parameters(recurse=False)
        ]
        try:
            for weights, before in self._before:
                weights.data = before.clone()
            for layer in self._layers:
                layer.merge()
        except BaseException:  # memory that runs out half way would leave half of it in the weights for good
            self.undo()
            raise

    def undo(self) -> None:
        """Give the layers back the very weights that they had: to subtract what was added would round them."""
        for weights, before in self._before:
            weights.data = before
        for layer in self._layers:
            layer.merged_adapters.clear()
