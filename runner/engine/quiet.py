"""What diffusers and transformers say that helps nobody here, and the handlers that leave it out.

Only messages that are known, and known to be harmless, are dropped; every other warning of these libraries is shown. A
message that comes back for each picture, such as that of a prompt longer than the text encoder reads, is shown once.
"""

import logging
import warnings
from typing import Final

from diffusers.utils import logging as diffusers_logging
from transformers.utils import logging as transformers_logging

HARMLESS: Final = (
    "requires torchvision (not installed); falling back",  # image processors that are imported and never used
    "Token indices sequence length is longer than",  # the pipelines cut the prompt themselves, and say so
    "Expected types for vae",  # AutoencoderTiny is not the VAE of the annotation, and fits
    "{'block_out_channels': [",  # AutoencoderTiny saves a field that it does not read
    "to have `lower_order_final` set to True",  # DPMSolverSinglestep with an odd number of steps, as all three are
    "{'skip_prk_steps': True} were passed to",  # a field of PNDM's that DDIM's configs hold, and LCM does not read
    "that should be kept in float32: []",  # said of a model in one file: there are none to keep
    "cannot run with `cpu` device",  # half precision runs there, slowly; whoever chose it knows
    "No LoRA keys associated to",  # a LoRA of the U-Net alone, or of the text encoder alone
)


LIBRARIES: Final = ("diffusers", "transformers")


class Sieve(logging.Filter):
    """Drops harmless messages of the two libraries, and repetitions of their others.

    What other programs log passes: a handler can serve them too.
    """

    def __init__(self) -> None:
        super().__init__()
        self._shown: set[int] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to show a record."""
        if record.name.partition(".")[0] not in LIBRARIES:
            return True
        message = record.getMessage()
        if hash(message) in self._shown or any(known in message for known in HARMLESS):
            return False
        self._shown.add(hash(message))
        return True


def hush() -> None:
    """Switch off the progress bars of loading, and put a sieve on both libraries' handlers.

    One warning goes as well: diffusers' pipelines of XL call a method of their own that diffusers calls deprecated.

    Calling it again changes nothing.
    """
    warnings.filterwarnings("ignore", "`upcast_vae` is deprecated", FutureWarning)
    for library in (diffusers_logging, transformers_logging):
        library.disable_progress_bar()
        for handler in library.get_logger().handlers:
            if not any(isinstance(present, Sieve) for present in handler.filters):
                handler.addFilter(Sieve())
