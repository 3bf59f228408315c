"""What the engine has to know about a family of models, in one noun."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from runner.errors import EngineError
from runner.nouns import Endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Models that one set of diffusers pipelines drives.

    Attributes:
        title: its name, as people say it.
        pipelines: the diffusers class for each endpoint. That of text2img loads a folder.
        left_out: arguments with which a pipeline is loaded or built without the parts that the engine never uses.
        kept: what `model_index.json` says, beside the components, that the pipelines of all endpoints must know.
        encoders: the components that read a prompt.
        unread: layers at the end of the text encoders that are read at no clip_skip.
        skipping: what a pipeline has to run within for clip_skip to work.
    """

    title: str
    pipelines: Mapping[Endpoint, Any]
    left_out: Mapping[str, Any]
    kept: tuple[str, ...] = ()
    encoders: tuple[str, ...]
    unread: int = 0
    skipping: Callable[[Any], AbstractContextManager[Any]] = nullcontext

    @property
    def names(self) -> tuple[str, ...]:
        """Return the classes that `model_index.json` may name."""
        return tuple(pipeline.__name__ for pipeline in self.pipelines.values())

    def pipeline(self, endpoint: Endpoint, base: Any, vae: Any) -> Any:
        """Return a fresh pipeline for one endpoint over the components of a loaded model, with another VAE.

        It has the model's own scheduler: the constructors correct its config, and expect one.
        """
        arguments = {**base.components, **{name: base.config[name] for name in self.kept}, "vae": vae, **self.left_out}
        made = self.pipelines[endpoint](**arguments)
        made.set_progress_bar_config(disable=True)
        return made

    def check_skip(self, base: Any, clip_skip: int) -> None:
        """Check that a model's text encoders can be read that far from their end. Raises EngineError."""
        layers = min(getattr(base, encoder).config.num_hidden_layers for encoder in self.encoders)
        deepest = layers - self.unread
        if 1 <= clip_skip <= deepest:
            return
        encoders = "encoder, which has" if len(self.encoders) == 1 else "encoders, the shorter of which has"
        raise EngineError(
            f"clip_skip: {clip_skip} is not a layer of this model's text {encoders} {layers}; 1 takes the last"
            f"{' but one' if self.unread else ''} and {deepest} the first: send 1 to {deepest}"
        )
