"""Models come into a server's folder of models, and leave it, while it runs.

A model or a VAE is taken from a folder below one of the roots that whoever started the server named, or, where they
allowed it, from a model hub, and is linked into place under the name that requests will use. Taking it out again removes
the link, and what was downloaded for it. Requests never name a path
outside these roots, and never one that becomes part of another: names are letters, digits, `-`, `_` and `.`. Weights are
taken as safetensors only, for the older formats are pickles, which run code when they are read.
"""

import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import httpx

from runner.engine.folders import INDEX
from runner.errors import EngineError

NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")

PICKLES: Final = (".bin", ".ckpt", ".pt", ".pth", ".pkl")

HUB_NAME: Final = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[\w.-]{1,96}", re.ASCII)

WANTED: Final = ("*.json", "*.txt", "*.model", "*.safetensors")
"""What is downloaded of a model: settings, vocabularies, weights."""

DOWNLOADS: Final = ".downloads"
"""Where, in a folder of models, those from a hub lie."""

VAES: Final = "vaes"
"""Where VAEs for every model lie, and in a model's folder its own."""


class Warehouse:
    """Adds and removes what lies in a folder of models."""

    def __init__(self, models: Path, sources: Sequence[Path] = (), *, hub: bool = False, endpoint: str = "") -> None:
        """Take a folder of models, which need not hold one yet.

        Args:
            models: where the server looks for models.
            sources: roots below which models and VAEs may be taken from.
            hub: whether `organisation/name` may be downloaded.
            endpoint: the hub's address; empty is the one that huggingface_hub is set up for.

        Raises:
            EngineError: the folder is itself a model, so that none can be added beside it.
        """
        if (models / INDEX).is_file():
            raise EngineError(
                f"model folder {str(models)!r}: it is one model, and others cannot be added to it; name the folder above "
                "it, which can hold several"
            )
        self._models = models
        self._hub = hub
        self._endpoint = endpoint
        self._sources = tuple(source.resolve() for source in sources)

    def add(self, model_id: str, source: str) -> None:
        """Make the model in a folder, or of a hub, known as `model_id`.

        Raises:
            EngineError: the name will not do or is taken; the folder is not below a root, or holds no model of
                safetensors; the hub does not give it.
        """
        place = self._models / _name("model_id", model_id)
        if self._hub and HUB_NAME.fullmatch(source) and self._below_a_root(source) is None:
            self._link(place, "model_id", self._downloaded(source))
        else:
            self._link(place, "model_id", self._found("url", source, needs=INDEX))

    def add_vae(self, vae_id: str, source: str) -> None:
        """Make the VAE in a folder known to every model as `vae_id`; raises as `add` does."""
        place = self._models / VAES / _name("vae_id", vae_id)
        self._link(place, "vae_id", self._found("url", source, needs="config.json"))

    def remove(self, model_id: str) -> None:
        """Take a model that was added out of the folder again; its files stay where they came from.

        Raises:
            EngineError: there is none of that name that was added.
        """
        place = self._models / _name("model_id", model_id)
        if not place.is_symlink():
            raise EngineError(
                f"model_id: {model_id!r} was not added by load_model; what lies in the model folder itself is removed there"
            )
        folder = place.resolve()
        place.unlink()
        if folder.is_relative_to(self._downloads):
            shutil.rmtree(folder)

    @property
    def _downloads(self) -> Path:
        return self._models.resolve() / DOWNLOADS

    def _downloaded(self, repository: str) -> Path:
        """Return the folder of a hub's model, downloaded. Raises EngineError."""
        from huggingface_hub import snapshot_download  # noqa: PLC0415 - a server that takes from folders does without

        folder = self._downloads / repository.replace("/", "--")
        try:
            snapshot_download(
                repository, local_dir=folder, endpoint=self._endpoint or None, token=False, allow_patterns=list(WANTED)
            )
        except (OSError, ValueError, httpx.HTTPError) as error:
            raise EngineError(
                f"url: {repository!r} does not come from the model hub ({str(error).splitlines()[0]}); the hub must be "
                "reachable and hold a public model of that name: check both, or load the model from a folder"
            ) from error
        if not (folder / INDEX).is_file():
            shutil.rmtree(folder)
            raise EngineError(
                f"url: {repository!r} has no {INDEX}; a model in the diffusers format is needed: choose one"
            )
        return folder

    def _found(self, where: str, source: str, *, needs: str) -> Path:
        """Return the folder that a request names. Raises EngineError."""
        folder = self._below_a_root(source)
        if folder is None or not (folder / needs).is_file():
            roots = ", ".join(map(str, self._sources)) or "none: start the server with --models-from DIR"
            raise EngineError(
                f"{where}: {source[:200]!r} is no folder with {needs} below a root that this server may take from "
                f"({roots}); give its path below a root"
            )
        pickled = sorted(file.name for file in folder.rglob("*") if file.suffix in PICKLES)
        if pickled:
            raise EngineError(
                f"{where}: {source[:200]!r} holds {pickled[0]}, a format that runs code when it is read; safetensors "
                "alone are taken: save the model with safe_serialization=True"
            )
        return folder

    def _below_a_root(self, source: str) -> Path | None:
        if "\0" in source or len(source) > 4096:
            return None
        for root in self._sources:
            folder = (root / source).resolve()
            if folder.is_relative_to(root) and folder.is_dir():
                return folder
        return None

    def _link(self, place: Path, where: str, folder: Path) -> None:
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(folder, target_is_directory=True)
        except FileExistsError as error:
            raise EngineError(f"{where}: {place.name!r} is taken; choose another name, or delete that one") from error
        except OSError as error:
            raise EngineError(
                f"{where}: {place.name!r} cannot be linked into the model folder ({error.strerror}); give the server's "
                "user permission to write there"
            ) from error


def _name(where: str, name: str) -> str:
    if NAME.fullmatch(name) is None or name in (VAES, "loras"):
        raise EngineError(
            f"{where}: {name[:80]!r} is no name for it; letters, digits, -, _ and . are allowed, the first no - or ., "
            f"and neither {VAES} nor loras: choose another"
        )
    return name
