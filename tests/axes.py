"""Axes of experiments in a line each: what they come to, and what is said of those that cannot be read."""

from pathlib import Path

import pytest

from runner.document import loads
from runner.errors import ExperimentError
from runner.nouns import Experiment, Point

PLAIN = "parameters: {model_id: m, prompt: p}\n"
SKY = 'parameters: {model_id: m, prompt: "a {{ subject }} under a {{ sky }} sky"}\n'
IMAGE = "endpoint: img2img\nparameters: {model_id: m, prompt: p}\n"


def read(text: str, folder: Path = Path()) -> Experiment:
    return loads(text, folder=folder)


def points(text: str, base: str = PLAIN, folder: Path = Path()) -> tuple[Point, ...]:
    return read(base + text, folder).axes[-1].points


def told(text: str, base: str = PLAIN, folder: Path = Path()) -> list[str]:
    with pytest.raises(ExperimentError) as caught:
        read(base + text, folder)
    return [line.removeprefix("<text>:") for line in str(caught.value).splitlines()]
