"""Models in one file, and the settings that such a file lacks.

    MODEL_DIR/NAME.safetensors                  all weights of a model, under the names of Stability AI's own code
    MODEL_DIR/configs/NAME/model_index.json     its settings: a folder in the diffusers format, which needs no weights
    MODEL_DIR/configs/FAMILY/model_index.json   or those of its family: sd1, sd2, sdxl

The family is told by the names of the tensors, which stand in the first bytes of the file.
"""

import json
from functools import lru_cache
from pathlib import Path
from typing import Final

FAMILIES: Final = {
    "sd1": ("Stable Diffusion 1", "cond_stage_model.transformer."),
    "sd2": ("Stable Diffusion 2", "cond_stage_model.model."),
    "sdxl": ("Stable Diffusion XL", "conditioner.embedders.1."),
}
"""What each is called, and how the names of its text encoder's tensors begin."""

CONFIGS: Final = "configs"

LONGEST_HEADER: Final = 100 * 2**20
"""Bytes; safetensors itself reads no longer one."""


def single_files(root: Path) -> dict[str, Path]:
    """Return the files directly in a folder of models, by the model_id that each would have."""
    return {file.stem: file for file in sorted(root.glob("*.safetensors")) if file.is_file()}


def settings_of(file: Path, index: str) -> Path | None:
    """Return the folder with a model's settings, or its family's; None when there is neither.

    Args:
        file: in a folder of models.
        index: name of the file that makes a folder one in the diffusers format.
    """
    candidates = [file.parent / CONFIGS / name for name in (file.stem, _family(file)) if name]
    return next((folder for folder in candidates if (folder / index).is_file()), None)


def lacking(file: Path) -> str:
    """Return why a file without settings is no model: an error's message."""
    where, family = f"model_id: {file.stem!r}", _family(file)
    if family is None:
        known = ", ".join(title for title, _ in FAMILIES.values())
        return (
            f"{where} is one file, and not of a model of {known}: none of their text encoders is in it; a LoRA belongs into "
            "loras/, and a model of another family is not driven: move or remove it"
        )
    return (
        f"{where} is one file of {FAMILIES[family][0]}, and its settings are not here; {CONFIGS}/{file.stem}/ or "
        f"{CONFIGS}/{family}/ beside it must hold the *.json and *.txt files of a diffusers folder of that family, "
        "without weights: copy them there, and ask again"
    )


def _family(file: Path) -> str | None:
    status = file.stat()
    return _told(file, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=256)
def _told(file: Path, size: int, changed: int) -> str | None:  # noqa: ARG001 - a file that changed is read again
    names = _tensor_names(file, size)
    return next((key for key, (_, prefix) in FAMILIES.items() if any(name.startswith(prefix) for name in names)), None)


def _tensor_names(file: Path, size: int) -> list[str]:
    """Return the names in the header of a safetensors file; none for a file that is something else."""
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if not 0 < length <= min(size, LONGEST_HEADER):
            return []
        try:
            header = json.loads(stream.read(length))
        except ValueError:
            return []
    return list(header) if isinstance(header, dict) else []
