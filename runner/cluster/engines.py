"""The Engine protocol over Ray: what a front asks of replicas, and what answers there."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, TypeAlias

from ray import serve
from ray.exceptions import RayError
from ray.serve.exceptions import RayServeException
from ray.serve.handle import DeploymentHandle

from runner.engine import Engine
from runner.errors import EngineError, EngineLost
from runner.nouns import Drawn, Generation

Recipe: TypeAlias = Callable[[], Engine]
"""Makes an engine; picklable."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What an engine cannot do, on its way back: Ray would wrap the exception in the words of its own traceback."""

    message: str


@dataclass(slots=True)
class Era:
    """Since when loaded models count. A new one has every replica load its models anew when it is next asked for them."""

    _numbers: "count[int]" = field(default_factory=count)
    number: int = 0

    def end(self) -> None:
        """Begin the next one."""
        self.number = next(self._numbers) + 1


class RemoteEngine:
    """Satisfies `runner.engine.Engine` with whichever replica is free; one that has the model loaded comes first."""

    def __init__(self, recipe: Recipe, replicas: "DeploymentHandle[Any]", era: Era) -> None:
        """Take what is shared by all engines of one front.

        Args:
            recipe: makes the engine that answers here what needs no loaded model.
            replicas: of `replica_class`.
            era: since when loaded models count.
        """
        self._front = recipe()
        self._replicas = replicas
        self._era = era
        self.name = self._front.name

    def models(self) -> Mapping[str, str]:
        """Return the digest of each model by model_id; the same files must lie on every machine."""
        return self._front.models()

    def enhance(self, prompt: str, model_id: str) -> str:
        """Return the prompt that `enhance_prompt: yes` makes of a prompt."""
        return self._front.enhance(prompt, model_id)

    def generate(self, generation: Generation) -> Drawn:
        """Return one picture of a replica's engine.

        Raises:
            EngineError: the engine's own.
            EngineLost: the replica died over it; another takes the next call.
        """
        drawn: Drawn = self._ask("generate", generation.model_id, generation)
        return drawn

    def generate_batch(self, generations: Sequence[Generation]) -> list[Drawn]:
        """Return pictures that a replica makes in one go, of one model; raises as `generate` does."""
        drawn: list[Drawn] = self._ask("generate_batch", generations[0].model_id, generations)
        return drawn

    def load(self, model_id: str) -> None:
        """Have a replica bring a model into memory; raises as `generate` does."""
        self._ask("load", model_id)

    def unload(self) -> None:
        """Let no picture be made with a model that is loaded now: each replica drops it for the next that it loads."""
        self._era.end()

    def _ask(self, verb: str, model_id: str, *arguments: object) -> Any:
        wanted = f"{self._era.number}/{model_id}"
        try:
            answer = self._replicas.options(method_name=verb, multiplexed_model_id=wanted).remote(*arguments).result()
        except (RayError, RayServeException) as error:
            said = str(error).splitlines()[0]
            raise EngineLost(
                f"engine: its replica was lost during {verb} ({type(error).__name__}: {said}); another is asked"
            ) from error
        if isinstance(answer, Trouble):
            raise EngineError(answer.message)
        return answer


def replica_class(recipe: Recipe, models: int) -> type:
    """Return what runs on each replica: at most so many models in memory, the one that was not used longest goes first."""

    class Replica:
        @serve.multiplexed(max_num_models_per_replica=models)  # type: ignore[untyped-decorator]  # Ray has no types for it
        async def loaded(self, wanted: str) -> Engine:
            """Return an engine that has one model in memory; it frees that when it goes."""
            engine = recipe()
            await asyncio.to_thread(engine.load, wanted.partition("/")[2])
            return engine

        async def load(self) -> Trouble | None:
            """Bring the model of this call into memory."""
            try:
                await self.loaded(serve.get_multiplexed_model_id())
            except EngineError as error:
                return Trouble(str(error))
            return None

        async def generate(self, generation: Generation) -> Drawn | Trouble:
            """Make one picture with the model of this call."""
            try:
                engine = await self.loaded(serve.get_multiplexed_model_id())
                return await asyncio.to_thread(engine.generate, generation)
            except EngineError as error:
                return Trouble(str(error))

        async def generate_batch(self, generations: Sequence[Generation]) -> list[Drawn] | Trouble:
            """Make pictures in one go with the model of this call."""
            try:
                engine = await self.loaded(serve.get_multiplexed_model_id())
                return await asyncio.to_thread(engine.generate_batch, generations)
            except EngineError as error:
                return Trouble(str(error))

    return Replica
