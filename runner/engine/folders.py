"""Folders of models in the diffusers format: what lies where, by name, and the digest of it.

    MODEL_DIR/model_index.json          MODEL_DIR is one model, named as its folder
    MODEL_DIR/NAME/model_index.json     or a folder of models, each named as its sub-folder
    MODEL_DIR/NAME.safetensors          or as its one file (see `runner.engine.single_files`)
    …/loras/LORA.safetensors            in a model's folder: LoRAs of that model, by file name
    …/vaes/VAE/config.json              and VAEs in the diffusers format, by folder name
    …/enhance.json                      what `enhance_prompt` does (see `runner.engine.enhance`)
    …/safety.json                       what `safety_checker` looks for (see `runner.engine.safety`)
    MODEL_DIR/loras/LORA.safetensors    in a folder of models: LoRAs of every model in it
    MODEL_DIR/vaes/VAE/config.json      and VAEs for every model in it

Names in requests are looked up among those that are there and never become part of a path.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar

from runner.canon import digest
from runner.engine.enhance import FILE_NAME as ENHANCE_FILE
from runner.engine.safety import FILE_NAME as SAFETY_FILE
from runner.engine.single_files import lacking, settings_of, single_files
from runner.errors import EngineError

Found = TypeVar("Found")

INDEX: Final = "model_index.json"
UNUSED_COMPONENTS: Final = {"image_encoder"}
"""Parts of a Stable Diffusion folder that the engine never loads."""

Stamp: TypeAlias = tuple[tuple[str, int, int], ...]
"""Path, size and modification time in nanoseconds of every file that can change a model's pictures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFolder:
    """One model on disk.

    Attributes:
        model_id: its name in requests.
        path: its own folder, which a model in one file need not have.
        shared: the folder above, when that holds LoRAs and VAEs for every model.
        file: all its weights, when they are in one file.
        settings: the folder with the settings that such a file lacks.
    """

    model_id: str
    path: Path
    shared: Path | None = None
    file: Path | None = None
    settings: Path | None = None

    @property
    def described(self) -> Path:
        """Return the folder with `model_index.json` and what it names."""
        return self.settings or self.path

    def index(self) -> dict[str, Any]:
        """Return `model_index.json`: the pipeline's class, and library and class of each component.

        Raises:
            EngineError: the file is not a JSON object.
        """
        try:
            index = json.loads((self.described / INDEX).read_text(encoding="utf-8"))
        except ValueError as error:
            raise EngineError(f"{self._broken_index()} ({error})") from error
        if not isinstance(index, dict):
            raise EngineError(self._broken_index())
        return index

    def loras(self) -> dict[str, Path]:
        """Return the LoRA files by name; the model's own one hides a shared one of the same name."""
        folders = [folder / "loras" for folder in (self.shared, self.path) if folder]
        return {file.stem: file for folder in folders for file in sorted(folder.glob("*.safetensors"))}

    def vaes(self) -> dict[str, Path]:
        """Return the folders of further VAEs by name; the model's own one hides a shared one of the same name."""
        folders = [folder / "vaes" for folder in (self.shared, self.path) if folder]
        return {file.parent.name: file.parent for folder in folders for file in sorted(folder.glob("*/config.json"))}

    def has_safety_checker(self) -> bool:
        """Return whether the model has the safety checker of Stable Diffusion; one file never has it."""
        if self.file:
            return False
        entry = self.index().get("safety_checker")
        return isinstance(entry, list) and bool(entry[0])

    def files(self) -> dict[str, Path]:
        """Return every file that can change a picture or a prompt, by the name that it has in the digest."""
        files = {name: self.path / name for name in (ENHANCE_FILE, SAFETY_FILE) if (self.path / name).is_file()}
        files[INDEX] = self.described / INDEX
        if self.file:
            files["weights"] = self.file
        for component, entry in self.index().items():
            if component not in UNUSED_COMPONENTS and isinstance(entry, list) and entry[0]:
                files |= _below(self.described / component, component)
        for name, file in self.loras().items():
            files[f"loras/{name}"] = file
        for name, folder in self.vaes().items():
            files |= _below(folder, f"vaes/{name}")
        return files

    def stamp(self) -> Stamp:
        """Return what tells, without reading a file's bytes, that none has changed."""
        status = {str(file): file.stat() for file in self.files().values()}
        return tuple((name, entry.st_size, entry.st_mtime_ns) for name, entry in sorted(status.items()))

    def _broken_index(self) -> str:
        return (
            f"{self.model_id}/{INDEX}: not a JSON object; it names the pipeline and its components as diffusers saves "
            "them: copy the model again"
        )


class ModelLibrary:
    """The models under one folder, looked up afresh at each call, so that what is added is found."""

    def __init__(self, model_dir: Path) -> None:
        self._model_dir = model_dir
        self._digests: dict[Path, tuple[int, int, str]] = {}

    def folders(self) -> Mapping[str, ModelFolder]:
        """Return the models by model_id.

        Raises:
            EngineError: there are none.
        """
        root = self._model_dir
        if (root / INDEX).is_file():
            name = root.resolve().name
            return {name: ModelFolder(model_id=name, path=root)}
        found = {
            index.parent.name: ModelFolder(model_id=index.parent.name, path=index.parent, shared=root)
            for index in sorted(root.glob(f"*/{INDEX}"))
        }
        unsettled = {}
        for name, file in single_files(root).items():
            settings = settings_of(file, INDEX)
            if settings is None:
                unsettled[name] = file
            elif name not in found:
                found[name] = ModelFolder(model_id=name, path=root / name, shared=root, file=file, settings=settings)
        if not found:
            raise EngineError(next(map(lacking, unsettled.values()), _no_model(root)))
        return found

    def folder(self, model_id: str) -> ModelFolder:
        """Return one model's folder.

        Raises:
            EngineError: there is no such model, or it is a file without settings.
        """
        folders = self.folders()
        file = None if model_id in folders else single_files(self._model_dir).get(model_id)
        if file:
            raise EngineError(lacking(file))
        return pick(model_id, folders, "model_id", "a model of this server")

    def digests(self) -> dict[str, str]:
        """Return the digest of each model by model_id: over names and bytes of its files, LoRAs and VAEs among them.

        A file is read once and again only when its size or modification time changes.
        """
        return {
            model_id: digest({name: self._file_digest(file) for name, file in folder.files().items()})
            for model_id, folder in self.folders().items()
        }

    def _file_digest(self, file: Path) -> str:
        status = file.stat()
        known = self._digests.get(file)
        if known is None or known[:2] != (status.st_size, status.st_mtime_ns):
            with file.open("rb") as stream:
                content = hashlib.file_digest(stream, "sha256").hexdigest()
            known = self._digests[file] = (status.st_size, status.st_mtime_ns, content)
        return known[2]


def pick(name: str, among: Mapping[str, Found], where: str, kind: str) -> Found:
    """Return the entry of that name.

    Raises:
        EngineError: there is none; the message lists those that there are.
    """
    if name in among:
        return among[name]
    there = f"there are {', '.join(sorted(among))}: send one of these" if among else "there is none: leave it out"
    raise EngineError(f"{where}: {name!r} is not {kind}; {there}")


def _no_model(root: Path) -> str:
    return (
        f"model folder {str(root)!r}: no {INDEX} in it or one level below; it must be one model in the "
        "diffusers format or a folder of such models: name another folder"
    )


def _below(folder: Path, name: str) -> Iterator[tuple[str, Path]]:
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            yield f"{name}/{file.relative_to(folder).as_posix()}", file
