"""An address becomes an open client; a key is looked up and goes nowhere else."""

import asyncio
import signal
import subprocess
import sys

import httpx
import pytest

from runner.errors import InputError
from runner.nouns import Address, Ready, Request
from runner.server import Settings, create_app
from runner.target import make_engine, open_target, provider_of, resolve_key, serve_forever, serving

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


async def opened(address: Address) -> None:
    async with open_target(address, load=nothing, environ={}):
        pass


def test_a_key_that_stands_in_an_address_is_not_repeated() -> None:
    for address in (
        Address(name="https://host", key="sk-4711"),
        Address(name="https://user:sk-4711@host/api"),
        Address(name="https://host/api?key=sk-4711"),
        Address(name="ftp://host/sk-4711"),
    ):
        with pytest.raises(InputError) as caught:
            asyncio.run(opened(address))
        assert "sk-4711" not in str(caught.value)


def test_a_key_in_an_empty_variable_is_missing() -> None:
    with pytest.raises(InputError, match="the variable SOME_KEY is not set"):
        resolve_key(Address(name="https://host", key="${env:SOME_KEY}"), {"SOME_KEY": ""})


def test_the_same_request_gives_the_same_picture_in_this_process_and_over_a_socket() -> None:
    async def pictures(address: Address) -> tuple[bytes, ...]:
        async with open_target(address, load=nothing, environ={"SOME_KEY": "secret-4711"}) as target:
            assert "secret-4711" not in repr(target)
            reply = await target.client.send(REQUEST)
            assert isinstance(reply, Ready)
            return await target.client.download(reply)

    async def both() -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
        async with serving(create_app(make_engine("sketch"), Settings(key="secret-4711"))) as url:
            hosted = Address(name=url, key="${env:SOME_KEY}")
            return await pictures(hosted), await pictures(Address(name="sketch"))

    hosted, in_process = asyncio.run(both())
    assert hosted == in_process


def test_serving_says_where_it_answers_and_ends_when_it_is_told() -> None:
    async def serve() -> tuple[str, int]:
        started: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        server = asyncio.create_task(
            serve_forever(create_app(make_engine("sketch")), host="127.0.0.1", port=0, started=started.set_result)
        )
        url = await started
        async with httpx.AsyncClient(base_url=url) as http:
            status = (await http.post("schedulers_list", json={})).status_code
        signal.raise_signal(signal.SIGTERM)
        await server
        return url, status

    ended = []
    before = signal.signal(signal.SIGTERM, lambda number, _: ended.append(number))
    try:
        url, status = asyncio.run(serve())
    finally:
        signal.signal(signal.SIGTERM, before)
    assert url.startswith("http://127.0.0.1:")
    assert url.endswith("/api/v1/enterprise")
    assert (status, ended) == (200, [signal.SIGTERM])  # uvicorn hands the signal on once it has stopped


def test_a_port_that_is_taken_is_the_users_to_change() -> None:
    async def twice() -> None:
        app = create_app(make_engine("sketch"))
        async with serving(app) as url:
            port = httpx.URL(url).port
            assert port
            with pytest.raises(InputError, match=rf"^127\.0\.0\.1:{port}: Address already in use"):
                await serve_forever(create_app(make_engine("sketch")), host="127.0.0.1", port=port)

    asyncio.run(twice())


@pytest.mark.local
def test_planning_for_the_embedded_model_does_not_import_torch() -> None:
    script = (
        "import sys\nfrom runner.nouns import Address\nfrom runner.target import provider_of\n"
        "print(sorted(provider_of(Address()).models), 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "['studio-tiny'] False\n"
