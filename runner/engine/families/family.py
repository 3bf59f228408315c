"""What the engine has to know about a family of models, in one noun."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from runner.nouns import Endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Models that one set of diffusers pipelines drives.

    Attributes:
        title: its name, as people say it.
        pipelines: the diffusers class for each endpoint. That of text2img loads a folder.
        left_out: arguments with which a pipeline is loaded or built without the parts that the engine never uses.
        encoders: the components that read a prompt.
        skipping: what a pipeline has to run within for clip_skip to work.
    """

    title: str
    pipelines: Mapping[Endpoint, Any]
    left_out: Mapping[str, Any]
    encoders: tuple[str, ...]
    skipping: Callable[[Any], AbstractContextManager[None]]

    @property
    def names(self) -> tuple[str, ...]:
        """Return the classes that `model_index.json` may name."""
        return tuple(pipeline.__name__ for pipeline in self.pipelines.values())

    def pipeline(self, endpoint: Endpoint, base: Any, vae: Any) -> Any:
        """Return a fresh pipeline for one endpoint over the components of a loaded model, with another VAE.

        It has the model's own scheduler: the constructors correct its config, and expect one.
        """
        components = {**base.components, "vae": vae}
        made = self.pipelines[endpoint](**{**components, **self.left_out})
        made.set_progress_bar_config(disable=True)
        return made

    def deepest_skip(self, base: Any) -> int:
        """Return the largest clip_skip: the one that takes the first layer of a text encoder."""
        layers: list[int] = [getattr(base, encoder).config.num_hidden_layers for encoder in self.encoders]
        return min(layers)
