"""The Engine protocol: what one image is, in the field's own types, becomes that image.

sketch      paints the request's digest: no torch, for tests and for laying out a report; chosen by name alone
process     another engine in a process of its own, so that several use several cores
diffusion   drives `diffusers` over any folder in its format                         [extra: local]
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from runner.nouns import Drawn, Generation


class Engine(Protocol):
    """Makes images. A treaty:

    - `generate` blocks; the caller runs it in a thread and never two at once on one engine.
    - Equal generations give equal bytes on one machine, whatever was generated between.
    - One image a call of `generate`, so that bytes do not depend on a batch.
    - It raises `EngineError` for what it cannot do (an unknown model or LoRA, a size that the model refuses); the
      message is for the person who sent the request and becomes the endpoint's 400.
    """

    name: str
    """Which engine: "sketch" or "diffusion"."""

    def models(self) -> Mapping[str, str]:
        """Return the digest of each model by its model_id: part of a cell's identity. Raises EngineMissing."""
        ...

    def generate(self, generation: Generation) -> Drawn:
        """Return one image as PNG. Raises EngineError; EngineLost when trying once more can help."""
        ...

    def generate_batch(self, generations: Sequence[Generation]) -> list[Drawn]:
        """Return one image for each generation, in their order; they have one `batches.batch_key`, and it is not None.

        Made in one go where that is faster: bytes may then differ from those of `generate`, by rounding. Raises as
        `generate` does when one cannot be made, whichever it is.
        """
        ...

    def load(self, model_id: str) -> None:
        """Bring a model into memory, so that its first picture comes as fast as the next. Blocks. Raises EngineError."""
        ...

    def unload(self) -> None:
        """Give back the memory that loaded models take; the next picture loads what it needs. Blocks."""
        ...

    def enhance(self, prompt: str, model_id: str) -> str:
        """Return the prompt that `enhance_prompt: yes` makes of a prompt: deterministic, documented by the engine."""
        ...
