"""An address becomes an open client; a key is looked up and goes nowhere else."""

import asyncio
import subprocess
import sys

import pytest

from runner.errors import InputError
from runner.nouns import Address, Ready, Request
from runner.target import make_engine, open_target, provider_of, resolve_key

REQUEST = Request(
    endpoint="text2img",
    parameters={"model_id": "any", "prompt": "a red house", "width": 256, "height": 256, "seed": 1},
)


def nothing(sha256: str) -> bytes:
    raise AssertionError(sha256)


def test_the_sketch_target_answers_in_this_process() -> None:
    async def ask() -> tuple[object, int]:
        async with open_target(Address(name="sketch"), load=nothing, environ={}) as target:
            reply = await target.client.send(REQUEST)
            assert isinstance(reply, Ready)
            return reply.meta["prompt"], len(await target.client.download(reply))

    assert asyncio.run(ask()) == ("a red house, detailed", 1)


def test_a_key_is_a_reference_to_a_variable() -> None:
    address = Address(name="https://host/api/v1/enterprise", key="${env:SOME_KEY}")
    assert resolve_key(address, {"SOME_KEY": "secret"}) == "secret"
    with pytest.raises(InputError, match=r"the variable SOME_KEY is not set; it holds the key: export SOME_KEY=…"):
        resolve_key(address, {})
    with pytest.raises(InputError, match=r"a key itself never stands in a file; write \$\{env:NAME\}"):
        resolve_key(Address(name="https://host", key="sk-123"), {})


def test_a_hosted_provider_is_its_url_without_a_key() -> None:
    provider = provider_of(Address(name="https://host/api/v1/enterprise/", key="${env:SOME_KEY}"))
    assert (provider.target, dict(provider.models)) == ("https://host/api/v1/enterprise", {})


def test_an_unknown_engine_or_address_is_refused_with_what_there_is() -> None:
    with pytest.raises(InputError, match=r"engine: 'skech' is no engine; did you mean 'sketch'\?"):
        make_engine("skech")
    with pytest.raises(InputError, match="target: 'local' is neither embedded nor sketch nor a URL"):
        provider_of(Address(name="local"))


@pytest.mark.local
def test_planning_for_the_embedded_model_does_not_import_torch() -> None:
    script = (
        "import sys\nfrom runner.nouns import Address\nfrom runner.target import provider_of\n"
        "print(sorted(provider_of(Address()).models), 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "['studio-tiny'] False\n"
