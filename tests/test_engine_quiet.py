"""The diffusion engine without its packages says so, and with them says nothing but what a user needs to know."""

import logging
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from drawing import one_engine, one_model, plain

from runner.engine.diffusion import DiffusionEngine, require_packages
from runner.errors import EngineMissing

pytestmark = pytest.mark.local

PLAIN = plain("tiny")

saved = pytest.fixture(scope="session")(one_model)
shared_engine = pytest.fixture(scope="session")(one_engine)


def test_packages_that_are_missing_are_named_with_the_command_that_installs_them() -> None:
    with pytest.raises(EngineMissing) as refusal:
        require_packages(find=lambda package: None if package in {"peft", "scipy"} else package)
    assert str(refusal.value) == (
        "the diffusion engine: peft, scipy not installed; it needs torch, diffusers, transformers, peft, accelerate, "
        'safetensors, scipy, tomesd: run pip install "sweeprunner[local]", or use the sketch engine'
    )


def run_script(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)


def test_an_engine_without_its_packages_is_not_constructed(saved: Path) -> None:
    script = (
        "import sys; sys.modules['tomesd'] = None; from pathlib import Path; "
        "from runner.engine.diffusion import DiffusionEngine; from runner.errors import EngineMissing\n"
        f"try: DiffusionEngine(Path({str(saved)!r}))\n"
        "except EngineMissing as error: print(error)"
    )
    assert run_script(script).stdout.startswith("the diffusion engine: tomesd not installed; it needs torch, ")


def test_models_are_known_without_importing_torch(saved: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from runner.engine.diffusion import DiffusionEngine; "
        f"print(*DiffusionEngine(Path({str(saved)!r})).models(), 'torch' in sys.modules, 'diffusers' in sys.modules)"
    )
    assert run_script(script).stdout == "tiny False False\n"


@pytest.mark.slow
def test_a_picture_is_made_without_a_word(saved: Path) -> None:
    script = (
        "from pathlib import Path; from runner.engine.diffusion import DiffusionEngine; "
        "from runner.nouns import Generation; "
        f"engine = DiffusionEngine(Path({str(saved)!r})); "
        "asked = dict(endpoint='text2img', model_id='tiny', prompt='a', width=64, height=64, num_inference_steps=3); "
        "loras = (('contrast-fix.v1.2', 0.5),); "
        "[engine.generate(Generation(**asked, scheduler=name, loras=loras, vae='soft', clip_skip=2)) for name in "
        "('DPMSolverSinglestepScheduler', 'LMSDiscreteScheduler', 'KarrasVeScheduler', 'PNDMScheduler')]"
    )
    finished = run_script(script)
    assert (finished.stdout, finished.stderr) == ("", "")


@pytest.fixture
def records() -> Iterator[list[str]]:
    """Lines that the sieve of the diffusers handler lets through."""
    from runner.engine.quiet import Sieve

    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign] - a list for a stream
    handler.addFilter(Sieve())
    logger = logging.getLogger("diffusers")
    logger.addHandler(handler)
    yield lines
    logger.removeHandler(handler)


def test_what_others_log_through_the_same_handler_is_never_dropped() -> None:
    from runner.engine.quiet import Sieve

    sieve = Sieve()
    records = [
        logging.LogRecord(name, logging.WARNING, "", 0, "said", (), None) for name in ("runner.server", "diffusers.x")
    ]
    assert [sieve.filter(record) for record in (*records, *records)] == [True, True, True, False]


def test_a_prompt_that_is_cut_is_reported_once(shared_engine: DiffusionEngine, records: list[str]) -> None:
    for seed in (1, 2):
        shared_engine.generate(replace(PLAIN, prompt="a red house " * 9, seed=seed))
    assert len(records) == 1
    assert re.match(
        r"The following part of your input was truncated because CLIP can only handle .* 20 tokens", records[0]
    )
