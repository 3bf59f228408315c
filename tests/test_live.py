"""The page of a run that goes on: what is new reaches every page once it is there, and nothing but the run is served."""

import asyncio
import html
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from commands import sweep

import runner
from runner.folder import RunFolder
from runner.ledger import Ledger
from runner.live import Feed, create_site
from runner.live.feed import Message
from runner.nouns import Concern as About
from runner.nouns import Made, Picture, Refused, State
from runner.target import serving
from runner.verbs import drawn

FILE = """
name: cats
target: sketch
parameters: {model_id: any, prompt: a cat, width: 256, height: 256}
axes: {seed: {from: 1, to: 4, step: 1}}
"""
MADE = Made(pictures=(Picture(sha256="ab" * 32, width=8, height=4, size=99),), meta={"seed": 7}, seconds=0.5, seed=7)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of which nothing is sent yet."""
    (tmp_path / "cats.yaml").write_text(FILE)
    assert sweep("run", tmp_path / "cats.yaml", "--out", tmp_path / "run", "--limit", "0").code == 3
    return tmp_path / "run"


def finish(run: Path, *digests: str) -> None:
    folder = RunFolder(run)
    cells = {cell.digest: cell for cell in folder.plan().cells()}
    with Ledger(folder.ledger_path) as ledger:
        for digest in digests:
            ledger.finish(ledger.begin(cells[digest], now=1.0), MADE, now=2.0)


def digests(run: Path) -> list[str]:
    return [cell.digest for cell in RunFolder(run).plan().cells()]


class Page:
    """A page that listens, as a browser does: it has heard what it has heard, and asks again from there."""

    def __init__(self, feed: Feed, place: str | None = None) -> None:
        self.place = feed.place if place is None else place
        self.messages = feed.messages(self.place)
        self.feed = feed

    async def hear(self, kind: str) -> Message:
        async with asyncio.timeout(10):
            async for message in self.messages:
                self.place = f"{self.feed.name}.{message.number}"
                if message.kind == kind:
                    return message
        raise AssertionError(f"the stream ended without {kind}")

    async def cells(self) -> dict[str, dict[str, Any]]:
        return {cell["cell"]: cell for cell in (await self.hear("cells")).data}


@asynccontextmanager
async def following(run: Path) -> AsyncIterator[Feed]:
    async with Feed(run, every=0.01, draw=lambda: "feed") as feed:
        yield feed


# --- the feed -----------------------------------------------------------------------------------------------------


def test_a_page_hears_of_a_cell_as_the_page_would_show_it(run: Path) -> None:
    async def told() -> dict[str, Any]:
        async with following(run) as feed:
            page = Page(feed)
            await page.hear("status")
            finish(run, digests(run)[1])
            return await page.cells()

    first = digests(run)[1]
    assert asyncio.run(told()) == {
        first: {
            "cell": first,
            "facts": {
                "state": "made",
                "reason": "",
                "attempts": 1,
                "reused": "",
                "milliseconds": 500,
                "seed": 7,
                "endpoint": "text2img",
                "repeat": 0,
                "flags": ["8×4, asked 256×256"],
            },
            "answer": {"seed": 7},
            "pictures": [["ab" * 32, 8, 4, 99, "png"]],
        }
    }


def test_a_page_that_comes_back_hears_what_it_missed_and_nothing_else(run: Path) -> None:
    async def told() -> list[set[str]]:
        async with following(run) as feed:
            page = Page(feed)
            await page.hear("status")
            finish(run, digests(run)[0])
            heard = [set(await page.cells())]
            other = Page(feed)
            await other.hear("status")
            finish(run, digests(run)[1], digests(run)[2])
            while len(missed := set(await other.cells())) < 2:
                heard.append(missed)
            back = Page(feed, page.place)
            return [*heard, set(await back.cells())]

    one, two, three, _ = digests(run)
    found = asyncio.run(told())
    assert found[0] == {one}
    assert found[-1] == {two, three}


@pytest.mark.parametrize("place", ["another.3", "nonsense", "", "feed.x"])
def test_a_page_of_another_server_hears_of_everything_that_was_tried(place: str, run: Path) -> None:
    finish(run, *digests(run)[:3])

    async def told() -> set[str]:
        async with following(run) as feed:
            return set(await Page(feed, place).cells())

    assert asyncio.run(told()) == set(digests(run)[:3])


def test_an_attempt_is_news_when_it_begins_and_when_it_ends_and_not_in_between(run: Path) -> None:
    folder = RunFolder(run)
    (cell, *_) = folder.plan().cells()
    with Ledger(folder.ledger_path) as ledger:
        number = ledger.begin(cell, now=1.0)
        begun = ledger.stirred(0)
        assert (begun.cells, begun.last, begun.still) == ((cell.digest,), number, {number})
        again = ledger.stirred(begun.last, begun.still)
        assert (again.cells, again.last, again.still) == ((), number, {number})
        ledger.finish(number, Refused(concern=About.CELL, message="no"), now=2.0)
        ended = ledger.stirred(again.last, again.still)
        assert (ended.cells, ended.last, ended.still) == ((cell.digest,), number, frozenset())
        assert ledger.stirred(ended.last, ended.still).cells == ()
        assert [(found, standing.state) for found, _, standing in ledger.tried([cell.digest, "0" * 64])] == [
            (cell.digest, State.REFUSED)
        ]


def test_a_page_hears_that_the_run_goes_on_and_how_it_ended(run: Path) -> None:
    async def told() -> list[object]:
        async with following(run) as feed:
            page = Page(feed)
            said = [(await page.hear("status")).data]
            with RunFolder(run).writing():
                said.append((await page.hear("status")).data)
            said.append((await page.hear("status")).data)
            return said

    left = {"busy": False, "note": "PARTIAL: 4 of 4 cells are not made yet (stopped by the limit of 0 requests)."}
    assert asyncio.run(told()) == [left, {"busy": True, "note": ""}, left]


def test_another_plan_in_the_folder_makes_the_page_begin_anew(run: Path, tmp_path: Path) -> None:
    async def told() -> Message:
        async with following(run) as feed:
            page = Page(feed)
            await page.hear("status")
            (tmp_path / "cats.yaml").write_text(FILE.replace("to: 4", "to: 5"))
            RunFolder(run).freeze(runner.prepare(tmp_path / "cats.yaml"), {})
            return await page.hear("replan")

    assert asyncio.run(told()).kind == "replan"


def test_ratings_that_are_imported_make_the_page_begin_anew_with_them(run: Path, tmp_path: Path) -> None:
    cell = next(iter(RunFolder(run).plan().cells())).digest
    mark = {"rater": "a" * 16, "cell": cell[:16], "stars": 4, "rejected": False, "note": "", "at": 1}
    said = {
        "format": 1,
        "plan": RunFolder(run).plan().digest,
        "raters": {"a" * 16: "ann"},
        "marks": [mark],
        "duels": [],
    }
    (tmp_path / "ann.json").write_text(json.dumps(said))

    async def told() -> Message:
        async with following(run) as feed:
            page = Page(feed)
            await page.hear("status")
            await asyncio.to_thread(runner.import_ratings, run, [tmp_path / "ann.json"])
            return await page.hear("replan")

    assert asyncio.run(told()).kind == "replan"


def test_looking_on_leaves_a_ledger_that_is_one_file(run: Path) -> None:
    async def told() -> None:
        async with following(run) as feed:
            page = Page(feed)
            await page.hear("status")
            finish(run, digests(run)[0])
            await page.cells()

    asyncio.run(told())
    assert sorted(path.name for path in run.glob("ledger*")) == ["ledger.sqlite"]


# --- the site -----------------------------------------------------------------------------------------------------


async def asked(run: Path, *paths: str, **headers: str) -> list[httpx.Response]:
    async with following(run) as feed:
        transport = httpx.ASGITransport(create_site(feed, lambda news: drawn(run, news)))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
            return [await client.get(path, headers=headers) for path in paths]


def test_the_page_may_ask_its_own_server_alone_and_begins_where_it_was_drawn(run: Path) -> None:
    (page,) = asyncio.run(asked(run, "/report/index.html"))
    assert page.headers["cache-control"] == "no-store"
    assert 'data-live="/events?since=feed.0"' in page.text
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page.text)
    assert [each for each in html.unescape(policy).split("; ") if "connect" in each] == ["connect-src 'self'"]


def test_pictures_are_served_for_good_and_nothing_else_of_the_folder_or_outside_it(run: Path) -> None:
    (run / "images" / "ab").mkdir(parents=True)
    (run / "images" / "ab" / "a.png").write_bytes(b"picture")
    (run / "images" / "ab" / ".a.png.1.part").write_bytes(b"half")
    (run.parent / "secret").write_bytes(b"secret")
    (run / "images" / "ab" / "link.png").symlink_to(run.parent / "secret")
    picture, *others = asyncio.run(
        asked(
            run,
            "/images/ab/a.png",
            "/images/ab/.a.png.1.part",
            "/images/ab/link.png",
            "/images/ab/",
            "/images/../../secret",
            "/images/%2e%2e/%2e%2e/secret",
            "/images/..%2f..%2fsecret",
            "/images//etc/passwd",
            "/ledger.sqlite",
            "/experiment.yaml",
        )
    )
    assert (picture.content, picture.headers["cache-control"]) == (b"picture", "max-age=31536000, immutable")
    assert picture.headers["x-content-type-options"] == "nosniff"
    assert [each.status_code for each in others] == [404] * 9


def test_nothing_can_be_sent_and_no_other_name_of_this_machine_is_answered(run: Path) -> None:
    async def tried() -> list[int]:
        async with following(run) as feed:
            transport = httpx.ASGITransport(create_site(feed, lambda news: drawn(run, news)))
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
                paths = ("/", "/report/index.html", "/events", "/images/ab/a.png")
                sent = [await client.request(method, path) for method in ("POST", "PUT", "DELETE") for path in paths]
                foreign = await client.get("/report/index.html", headers={"Host": "evil.example"})
                return [*(each.status_code for each in sent), foreign.status_code]

    assert asyncio.run(tried()) == [405] * 12 + [400]


def test_a_folder_without_a_run_is_waited_for(tmp_path: Path) -> None:
    home, page = asyncio.run(asked(tmp_path / "<b>", "/", "/report/index.html"))
    assert (home.status_code, home.headers["location"]) == (307, "/report/index.html")
    assert '<meta http-equiv="refresh" content="1">' in page.text
    assert f"<p>Waiting for a run in {tmp_path}/&lt;b&gt;.</p>" in page.text


def test_a_stream_is_one_event_a_message_and_ends_with_the_server(run: Path) -> None:
    finish(run, digests(run)[0])

    async def listened() -> list[str]:
        async with following(run) as feed, serving(create_site(feed, lambda news: drawn(run, news))) as base:
            address = f"{base.partition('/api/')[0]}/events"
            async with httpx.AsyncClient() as client, client.stream("GET", address) as stream:
                assert stream.headers["content-type"].startswith("text/event-stream")
                lines = []
                async for line in stream.aiter_lines():
                    lines.append(line)
                    if line == "event: status":
                        feed.close()
                return lines

    lines = asyncio.run(listened())
    assert lines[:4] == ["retry: 1000", "", "id: feed.1", "event: cells"]
    assert json.loads(lines[4].removeprefix("data: "))[0]["cell"] == digests(run)[0]
    assert lines[5:8] == ["", "id: feed.1", "event: status"]


# --- the command --------------------------------------------------------------------------------------------------


def test_the_command_follows_a_real_run_from_before_it_starts_until_ctrl_c(tmp_path: Path) -> None:
    (tmp_path / "cats.yaml").write_text(FILE)
    environ = {**os.environ, "PYTHONPATH": str(Path(runner.__file__).parent.parent)}
    command = [sys.executable, "-m", "runner", "report", "run", "--live"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, env=environ) as live:
        assert live.stderr
        said = live.stderr.readline()
        assert said.endswith("follows run until Ctrl-C; there is no run yet, it waits for `sweep run FILE --out run`\n")
        address = said.split()[0]
        assert "Waiting for a run in run." in httpx.get(address, follow_redirects=True).text
        sweep("run", tmp_path / "cats.yaml", "--out", tmp_path / "run")
        made: set[str] = set()
        with httpx.stream("GET", f"{address}events?since=", timeout=10) as stream:
            for line in stream.iter_lines():
                if line.startswith("data: ["):
                    found = json.loads(line.removeprefix("data: "))
                    made |= {cell["cell"] for cell in found if cell["facts"]["state"] == "made"}
                if len(made) == 4:
                    break
        assert made == set(digests(tmp_path / "run"))
        live.send_signal(signal.SIGINT)
        assert (live.wait(10), live.stderr.read()) == (0, "")


def test_a_port_without_live_is_refused(run: Path) -> None:
    assert sweep("report", run, "--port", "8000").err == (
        "report: --port is for --live, and a page that is written needs none; leave one of them out\n"
    )
