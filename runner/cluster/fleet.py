"""What runs on a cluster, said without Ray: how many engines, on what, with which models."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from runner.engine.tuning import PLAIN, Tuning
from runner.errors import InputError
from runner.schema import did_you_mean

LOCAL: Final = "local"
"""The address that starts a cluster on this machine, for as long as the command runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """What runs on a cluster.

    Attributes:
        engine: "diffusion" or "sketch".
        model_dir: a diffusers folder, or a folder of them, at the same path on every machine; empty for the one that ships.
        device: where diffusion computes: cpu, cuda.
        dtype, channels_last, attention_slicing: how, as in `runner.engine.tuning`.
        least, most: replicas; between them their number follows the queue's length.
        cpus, gpus: of each replica; half a GPU has two replicas share one.
        models: that a replica keeps in memory.
        batch: pictures that a replica may make in one go.
        queue_limit: requests that may wait.
        key_variable: environment variable of the front that holds the key which requests must carry; empty lets everyone in.
        store: folder or address, reached from the front, that keeps what was made beyond the front; empty keeps nothing.
        allow_private: whether links and webhooks may lead into the front's own network.
    """

    engine: str = "diffusion"
    model_dir: str = ""
    device: str = "cpu"
    dtype: str = ""
    channels_last: bool = False
    attention_slicing: bool = False
    least: int = 1
    most: int = 1
    cpus: float = 1.0
    gpus: float = 0.0
    models: int = 1
    batch: int = 1
    queue_limit: int = 256
    key_variable: str = ""
    store: str = ""
    allow_private: bool = False

    def __post_init__(self) -> None:
        """Refuse what no cluster can run. Raises InputError."""
        if not 1 <= self.least <= self.most:
            raise InputError(
                f"cluster: {self.least} to {self.most} replicas; the least is 1 at least, and the most is no fewer"
            )
        if self.engine != "diffusion" and self.tuning != PLAIN:
            raise InputError(
                f"cluster: dtype, channels_last and attention_slicing tune diffusion, and {self.engine} is not tuned; leave "
                "them out"
            )
        if self.batch < 1 or (self.engine != "diffusion" and self.batch > 1):
            raise InputError(
                f"cluster: batch is {self.batch} for {self.engine}; it is 1 at least, and only diffusion makes several "
                "pictures in one go: correct it, or leave it out"
            )
        if self.models < 1:
            raise InputError(f"cluster: models is {self.models}; a replica keeps one model in memory at least")

    @property
    def tuning(self) -> Tuning:
        """Return how each replica computes. Raises EngineError for a dtype that is none."""
        return Tuning(dtype=self.dtype, channels_last=self.channels_last, attention_slicing=self.attention_slicing)


def fleet(said: Mapping[str, Any]) -> Fleet:
    """Return the fleet that a Serve config's `args` describe. Raises InputError for a name that is none."""
    known = [each.name for each in fields(Fleet)]
    for name in said:
        if name not in known:
            raise InputError(f"cluster: {name!r} is no setting{did_you_mean(name, known)}")
    return Fleet(**said)
