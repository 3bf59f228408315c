"""The server's description is valid, whole and true: what is made from it meets no surprise."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis.checks import positive_data_acceptance

from runner import wire
from runner.engine.sketch import SketchEngine
from runner.nouns import ENDPOINTS
from runner.schema import endpoint_schema
from runner.server import Settings, create_app
from runner.server.openapi import HOUSE, description
from runner.target import serving

BEYOND_SCHEMAS = positive_data_acceptance
"""No schema can say that a model is here, a link leads to a picture, or two lists have the same length."""

DESCRIBED = schemathesis.openapi.from_dict(description())


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A server on a socket, in a thread, for a client that blocks."""
    found: list[str] = []
    begun, over = threading.Event(), threading.Event()

    async def serve() -> None:
        async with serving(create_app(SketchEngine(), Settings(patience=60))) as url:
            found.append(url.partition("/api/")[0])
            begun.set()
            await asyncio.to_thread(over.wait)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    assert begun.wait(20)
    yield found[0]
    over.set()
    thread.join()


def test_it_is_valid_openapi() -> None:
    assert list(OpenAPIV31SpecValidator(description()).iter_errors()) == []


def test_it_has_every_route_and_every_parameter() -> None:
    paths = description()["paths"]
    base = wire.BASES[0]
    names = {path.removeprefix(f"{base}/") for path in paths if path.startswith(base)}
    assert names == {*ENDPOINTS, *wire.HOUSEKEEPING, "fetch", "fetch/{request_id}", wire.FIND}
    assert set(HOUSE) == set(wire.HOUSEKEEPING)
    for endpoint in ENDPOINTS:
        body = paths[f"{base}/{endpoint}"]["post"]["requestBody"]["content"]["application/json"]["schema"]
        assert set(body["properties"]) == {"key", *endpoint_schema(endpoint).properties}
        assert body["required"] == list(endpoint_schema(endpoint).required)


def test_the_server_answers_with_it_without_a_key_and_the_key_is_not_in_it() -> None:
    async def session() -> httpx.Response:
        transport = httpx.ASGITransport(app=create_app(SketchEngine(), Settings(key="secret-4711")))
        async with httpx.AsyncClient(transport=transport, base_url="http://target") as http:
            return await http.get("/openapi.json")

    answer = asyncio.run(session())
    assert (answer.status_code, answer.json()) == (200, description())
    assert "secret-4711" not in answer.text


@pytest.mark.slow
@DESCRIBED.parametrize()
@settings(max_examples=20, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_is_made_from_it_is_answered_as_it_says(case: Any, address: str) -> None:
    case.call_and_validate(base_url=address, excluded_checks=[BEYOND_SCHEMAS])
