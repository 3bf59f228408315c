"""`sweep doctor` at a server: with its key, with another, and without one."""

import asyncio

import pytest

from runner.doctor import examine
from runner.engine.sketch import SketchEngine
from runner.server import Settings, create_app
from runner.target import serving

REFUSED = "Invalid API key; no key was sent: name the variable that holds it, such as --key-env MODELSLAB_API_KEY"


@pytest.mark.parametrize(
    ("asked", "reference", "said"),
    [
        ("", "", (True, "answers; its models are its own")),
        ("opensesame", "", (False, REFUSED)),
        ("opensesame", "${env:RIGHT}", (True, "answers; its models are its own")),
        ("opensesame", "${env:WRONG}", (False, "Invalid API key")),
    ],
)
def test_a_server_is_asked_with_the_key_that_is_named_and_with_no_other(
    asked: str, reference: str, said: tuple[bool, str]
) -> None:
    async def trying() -> tuple[bool, str]:
        environ = {"RIGHT": "opensesame", "WRONG": "sesame", "MODELSLAB_API_KEY": "opensesame"}
        async with serving(create_app(SketchEngine(), Settings(key=asked))) as url:
            *_, found = await examine(url, reference, environ)
        return found.ok, found.found

    assert asyncio.run(trying()) == said
