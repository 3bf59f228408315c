"""What `enhance_prompt: yes` does to a prompt: additions that a model's own folder writes down, made where they lack.

A model folder may hold `enhance.json`:

    {"additions": [
        {"add": "on the grass", "unless": ["grass", "sand", "desert", "snow"]},
        {"add": "blue sky", "unless": ["sky", "daytime", "night", "sunset", "cloudy"]}
    ]}

Additions are considered in order. One is appended after a comma when none of its `unless` words occurs in the prompt
as a whole word, whatever its case. What the prompt already says is left as it stands, so that enhancing twice is
enhancing once. A folder without the file leaves every prompt alone.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runner.errors import EngineError

FILE_NAME = "enhance.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Addition:
    """Words to append to a prompt in which none of some words occurs."""

    add: str
    unless: tuple[str, ...]

    def lacks_in(self, prompt: str) -> bool:
        """Return whether the prompt says nothing of what this addition would say."""
        words = "|".join(re.escape(word) for word in self.unless)
        return re.search(rf"(?<!\w)(?:{words})(?!\w)", prompt, re.IGNORECASE) is None


def enhance(prompt: str, additions: Sequence[Addition]) -> str:
    """Return the prompt with each addition that it lacks, separated by commas.

    >>> enhance("a red house.", [Addition(add="blue sky", unless=("sky",))])
    'a red house, blue sky'
    """
    lacking = [addition.add for addition in additions if addition.lacks_in(prompt)]
    return ", ".join([prompt.rstrip(" ,."), *lacking]) if lacking else prompt


def additions_of(folder: Path) -> tuple[Addition, ...]:
    """Return the additions of a model folder; none when it has no `enhance.json`.

    Raises:
        EngineError: the file is there and cannot be understood.
    """
    path = folder / FILE_NAME
    if not path.exists():
        return ()
    try:
        return tuple(_addition(entry) for entry in json.loads(path.read_text(encoding="utf-8"))["additions"])
    except (ValueError, TypeError, KeyError) as error:
        raise EngineError(
            f"{folder.name}/{FILE_NAME}: not the additions of a model ({type(error).__name__}: {error}); it holds "
            '{"additions": [{"add": "blue sky", "unless": ["sky"]}]} with at least one word in each `unless`: '
            "correct it, or remove it to leave prompts alone"
        ) from error


def _addition(entry: Any) -> Addition:
    add, unless = entry["add"], tuple(entry["unless"])
    if not isinstance(add, str) or not unless or not all(isinstance(word, str) for word in unless):
        raise TypeError(f"{entry!r} is not an addition")
    return Addition(add=add, unless=unless)
