"""What was made outlives the server that made it: in a folder, and in object storage on loopback."""

import asyncio
import base64
import json
import logging
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import boto3
import httpx
import pytest
from commands import sweep
from moto.server import ThreadedMotoServer

from runner.engine import Engine
from runner.engine.sketch import SketchEngine
from runner.errors import InputError
from runner.pace import Clock
from runner.server import Settings, Store, create_app, running
from tests.contracts.server import BODY, GENERATION, Recorder, ServerContract

T = TypeVar("T")
Say = Callable[[httpx.AsyncClient], Awaitable[T]]
PICTURE = SketchEngine().generate(replace(GENERATION, seed=7)).png
BUCKET = "pictures"


@pytest.fixture(scope="session")
def object_storage() -> Iterator[str]:
    """Yield the address of an S3 server on loopback."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(params=["folder", "s3"])
def address(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the address of an empty storage of each kind."""
    if request.param == "folder":
        return str(tmp_path / "kept")
    monkeypatch.setenv("AWS_ENDPOINT_URL", request.getfixturevalue("object_storage"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "an id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a key")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    return f"s3://{BUCKET}/{tmp_path.name}"


@asynccontextmanager
async def opened(engine: Engine, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(engine, settings)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with running(app), httpx.AsyncClient(transport=transport, base_url="http://target/api/v1/enterprise") as http:
        yield http


def talk(say: Say[T], address: str, **options: Any) -> T:
    """Talk to a server that begins and ends with the talk."""

    async def session() -> T:
        async with opened(Recorder(), Settings(store=Store(address), **options)) as http:
            return await say(http)

    return asyncio.run(session())


def post(path: str, body: object, address: str, **options: Any) -> httpx.Response:
    return talk(lambda http: http.post(path, json=body), address, **options)


def got(link: str, address: str, **options: Any) -> httpx.Response:
    return talk(lambda http: http.get(link), address, **options)


def names(address: str) -> set[str]:
    """Return the files of a storage, below its address."""
    store = Store(address)
    return {path.removeprefix(f"{store._root}/") for path in store._files.find(store._root)}


# --- a later server --------------------------------------------------------------------------------------------------


def test_a_later_server_gives_the_same_answer_by_number_and_by_track_id_and_the_same_bytes(address: str) -> None:
    made = post("text2img", {**BODY, "samples": "2", "track_id": "cell-7"}, address).json()
    assert post("fetch", {"request_id": made["id"]}, address).json() == made
    told = post("fetch_by_track_id", {"track_id": "cell-7"}, address).json()
    assert told == {**made, "track_id": "cell-7"}
    pictures = [got(link, address).content for link in made["output"]]
    assert pictures == [SketchEngine().generate(replace(GENERATION, seed=seed)).png for seed in (7, 8)]


def test_pictures_answered_as_text_are_the_same_text_from_a_later_server(address: str) -> None:
    made = post("text2img", {**BODY, "base64": "yes"}, address).json()
    fetched = post("fetch", {"request_id": made["id"]}, address).json()
    assert [base64.b64decode(text) for text in fetched["output"]] == [PICTURE]
    assert fetched == made


def test_an_uploaded_picture_is_taken_by_a_later_server(address: str) -> None:
    text = base64.b64encode(PICTURE).decode()
    link = post("upload_image", {"base64_image": text}, address).json()["link"]
    made = post("img2img", {**BODY, "init_image": link, "strength": 0.5}, address).json()
    assert made["status"] == "success"
    assert got(link, address).content == got(link, address).content != b""


def test_what_was_never_made_is_known_to_no_server(address: str) -> None:
    assert post("fetch", {"request_id": 12345}, address).status_code == 404
    assert got("http://target/images/12345-0.png", address).status_code == 410
    assert post("fetch_by_track_id", {"track_id": "cell-7"}, address).status_code == 404


# --- forgetting ------------------------------------------------------------------------------------------------------


def test_what_no_longer_fits_the_memory_is_found_in_the_store(address: str) -> None:
    async def say(http: httpx.AsyncClient) -> list[tuple[int, int]]:
        made = [(await http.post("text2img", json={**BODY, "seed": seed})).json() for seed in (7, 8, 9)]
        return [
            (
                (await http.post("fetch", json={"request_id": one["id"]})).status_code,
                len((await http.get(link)).content),
            )
            for one in made
            for link in one["output"]
        ]

    sizes = [len(SketchEngine().generate(replace(GENERATION, seed=seed)).png) for seed in (7, 8, 9)]
    assert talk(say, address, memory=1) == [(200, size) for size in sizes]


def test_what_is_temporary_ends_with_its_day_and_its_files_with_it(address: str) -> None:
    now = [1_000_000.0]

    clock = Clock(now=lambda: now[0])

    async def say(http: httpx.AsyncClient) -> list[int]:
        made = (await http.post("text2img", json={**BODY, "temp": "yes", "track_id": "brief"})).json()
        assert {name.rpartition("/")[0] for name in names(address)} == {
            "temporary/requests",
            "temporary/pictures",
            "temporary/tracks",
        }
        found = []
        for seconds in (0.0, 24 * 3600.0):
            now[0] += seconds
            later = await asyncio.to_thread(got, made["output"][0], address, clock=clock)
            found += [later.status_code, (await http.get(made["output"][0])).status_code]
        return found

    assert talk(say, address, clock=clock) == [200, 200, 410, 410]
    assert names(address) == set()


def test_clearing_the_cache_clears_the_store_of_what_it_forgets(address: str) -> None:
    async def say(http: httpx.AsyncClient) -> dict[str, Any]:
        await http.post("text2img", json={**BODY, "track_id": "cell-7"})
        await http.post("upload_image", json={"base64_image": base64.b64encode(PICTURE).decode()})
        assert len(names(address)) == 4
        answer: dict[str, Any] = (await http.post("clear_cache", json={})).json()
        return answer

    assert talk(say, address)["message"] == "forgotten: 1 request and 1 upload"
    assert names(address) == set()


# --- faults ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("torn", ["requests", "pictures"])
def test_what_was_half_written_when_a_server_died_does_not_exist(torn: str, tmp_path: Path) -> None:
    address = str(tmp_path / "kept")
    made = post("text2img", BODY, address).json()
    (path,) = (tmp_path / "kept" / torn).iterdir()
    path.write_bytes(path.read_bytes()[:-10])
    assert post("fetch", {"request_id": made["id"]}, address).status_code == 404
    assert got(made["output"][0], address).status_code == 410


def test_a_picture_that_the_store_does_not_take_is_answered_from_memory_and_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "pictures").write_text("a file where a folder belongs")

    async def say(http: httpx.AsyncClient) -> tuple[str, bytes]:
        made = (await http.post("text2img", json=BODY)).json()
        return made["status"], (await http.get(made["output"][0])).content

    with caplog.at_level(logging.WARNING, "runner.server"):
        assert talk(say, str(tmp_path / "kept")) == ("success", PICTURE)
    (said,) = [record.getMessage() for record in caplog.records]
    assert re.fullmatch(
        rf"request \d+ is in memory alone: store {re.escape(str(tmp_path))}/kept: .*; it has to exist and to let this "
        "process write, read and delete files: look at its address, and at the keys in the environment",
        said,
    )


def test_an_upload_that_the_store_does_not_take_is_kept_in_memory_and_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "uploads").write_text("a file where a folder belongs")

    async def say(http: httpx.AsyncClient) -> bytes:
        sent = await http.post("upload_image", json={"base64_image": base64.b64encode(PICTURE).decode()})
        return (await http.get(sent.json()["link"])).content

    with caplog.at_level(logging.WARNING, "runner.server"):
        assert talk(say, str(tmp_path / "kept")).startswith(b"\x89PNG")
    (said,) = [record.getMessage() for record in caplog.records]
    assert re.match(r"upload \d+ is in memory alone: store ", said)


class Meeting(Store):
    """A store in which, while it looks for a name for the first time, the request of that name is accepted."""

    def __init__(self, address: str, meanwhile: Callable[[], Awaitable[object]]) -> None:
        super().__init__(address)
        self.meanwhile = meanwhile
        self.met = False

    async def find_track(self, track_id: str) -> int | None:
        found = await super().find_track(track_id)
        if not self.met:
            self.met = True
            await self.meanwhile()
        return found


def test_a_request_that_comes_while_the_store_is_looked_through_is_not_called_never_accepted(tmp_path: Path) -> None:
    async def session() -> tuple[httpx.Response, httpx.Response]:
        sent: list[httpx.Response] = []

        async def meanwhile() -> None:
            sent.append(await http.post("text2img", json={**BODY, "track_id": "cell-7"}))

        async with opened(Recorder(), Settings(store=Meeting(str(tmp_path), meanwhile))) as http:
            asked = await http.post("fetch_by_track_id", json={"track_id": "cell-7", "withdraw": "yes"})
            return sent[0], asked

    sent, asked = asyncio.run(session())
    assert (asked.status_code, asked.json()["id"]) == (200, sent.json()["id"])


def test_a_server_that_stops_keeps_what_is_being_made(address: str) -> None:
    engine = Recorder()

    async def session() -> int:
        async with opened(engine, Settings(store=Store(address), patience=0)) as http:
            number: int = (await http.post("text2img", json=BODY)).json()["id"]
            await asyncio.to_thread(engine.begun.wait, 10)
        return number

    number = asyncio.run(session())
    assert post("fetch", {"request_id": number}, address).json()["status"] == "success"


WITH_KEY = (
    "store: the address carries a key, which would stand in the process list and in logs; leave it out and set the "
    "variables that the storage's own tools read (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY for s3)"
)
UNKNOWN = (
    "store carrier-pigeon://loft: no storage (Protocol not known: carrier-pigeon); it is a folder, or an address such as "
    "s3://bucket/folder"
)


@pytest.mark.parametrize(
    ("address", "message"), [("s3://id:secret@bucket/folder", WITH_KEY), ("carrier-pigeon://loft", UNKNOWN)]
)
def test_an_address_that_is_none_is_refused_and_a_key_in_it_is_not_said(address: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        Store(address)
    assert str(caught.value) == message


def test_without_what_reads_it_the_message_says_what_to_install() -> None:
    program = (
        "import sys; sys.modules['s3fs'] = None; sys.argv = ['sweep', 'serve', '--engine', 'sketch', '--store', 's3://a/b']\n"
        "from runner.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("store s3://a/b: what reads it is not installed (")
    assert done.stderr.endswith("the extra: pip install 'sweeprunner[store]'\n")


def test_a_store_that_cannot_be_written_is_said_before_the_server_answers(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    done = sweep("serve", "--engine", "sketch", "--store", tmp_path / "taken")
    assert done.code == 2
    assert done.err.startswith(f"serve: store {tmp_path}/taken: ")
    assert done.err.endswith("look at its address, and at the keys in the environment\n")


def test_a_bucket_that_is_not_there_is_said_before_the_server_answers(
    object_storage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "AWS_ENDPOINT_URL": object_storage,
        "AWS_ACCESS_KEY_ID": "an id",
        "AWS_SECRET_ACCESS_KEY": "a key",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    done = sweep("serve", "--engine", "sketch", "--store", "s3://nobody/there")
    assert (done.code, done.err.startswith("serve: store s3://nobody/there: ")) == (2, True)


# --- a real process ---------------------------------------------------------------------------------------------------


@contextmanager
def served(folder: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """`sweep serve` in a process of its own; yields the address of its routes."""
    process = subprocess.Popen(
        [sys.executable, "-m", "runner", "serve", "--engine", "sketch", "--port", "0", "--store", "kept"],
        cwd=folder,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr
        found = re.match(r"(http://\S+) answers until", process.stderr.readline())
        assert found
        yield found[1], process
    finally:
        process.kill()
        process.communicate()


def test_a_killed_server_s_pictures_are_with_the_next(tmp_path: Path) -> None:
    with served(tmp_path) as (url, process):
        body = {**BODY, "model_id": "sketch", "track_id": "cell-7"}
        made = httpx.post(f"{url}/text2img", json=body).json()
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    with served(tmp_path) as (url, _):
        told = httpx.post(f"{url}/fetch_by_track_id", json={"track_id": "cell-7"}).json()
        picture = httpx.get(told["output"][0]).content

    assert (told["id"], told["status"], told["meta"]) == (made["id"], "success", made["meta"])
    assert picture == SketchEngine().generate(replace(GENERATION, model_id="sketch", seed=7)).png
    (record,) = (tmp_path / "kept" / "requests").iterdir()
    assert json.loads(record.read_text())["track_id"] == "cell-7"


# --- the contract ------------------------------------------------------------------------------------------------------


class TestServerWithAStore(ServerContract):
    """A server that keeps what it made keeps to all that a server keeps to."""

    @pytest.fixture(autouse=True)
    def _kept(self, tmp_path: Path) -> None:
        self.kept = str(tmp_path / "kept")

    @asynccontextmanager
    async def opened(self, engine: Engine, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
        async with opened(engine, replace(settings, store=Store(self.kept))) as http:
            yield http
