"""How a model is computed: what may be given for speed and memory. Known without importing torch."""

from dataclasses import dataclass
from typing import Final

from runner.errors import EngineError

DTYPES: Final = ("float32", "float16", "bfloat16")
"""Of weights and of what is computed with them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """What a model is computed in, on one device.

    Attributes:
        dtype: one of `DTYPES`; empty is the device's own.
        channels_last: whether convolutions of the U-Net and the VAE keep the channels of a pixel together in memory.
        attention_slicing: whether attention is computed for some heads after the others.

    Raises:
        EngineError: there is no such dtype.
    """

    dtype: str = ""
    channels_last: bool = False
    attention_slicing: bool = False

    def __post_init__(self) -> None:
        if self.dtype and self.dtype not in DTYPES:
            raise EngineError(f"dtype: {self.dtype!r} is none; {', '.join(DTYPES)} are: choose one of these")

    def dtype_on(self, device: str) -> str:
        """Return what is computed in: half precision on CUDA, which is made for it, and 32 bits elsewhere."""
        return self.dtype or ("float16" if device.startswith("cuda") else "float32")


PLAIN: Final = Tuning()
"""As the device does it by itself."""
