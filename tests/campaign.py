"""A campaign of kills: real `sweep run` processes, a target that lies and counts what it charges for, SIGKILL.

liar         the target: an HTTP server by hand, because a framework does not let one hang up half way
campaign     runs are killed at random moments and started again until they are done, then looked at
"""

import asyncio
import io
import json
import os
import sqlite3
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from PIL import Image
from planted import KEY, files_holding

from runner.canon import digest_bytes
from runner.folder import RunFolder
from runner.wire import never_accepted

LIES: Mapping[str, float] = {
    "at once": 30,
    "queued": 30,
    "hangs up after": 6,
    "hangs up before": 3,
    "bad gateway": 3,
    "half an answer": 3,
    "busy": 8,
    "busy without a hint": 1,
    "broken": 4,
}
"""What may become of a POST, with weights."""

IMAGE_LIES: Mapping[str, float] = {"whole": 70, "cut off": 8, "corrupt": 6, "not yet": 8, "slow": 8}

PATIENT = {"post": 10, "image": 2}
"""How often a cell meets lies: fewer times than the runner asks."""

TRUTH = {"post": "at once", "image": "whole"}


class HangUp(Exception):  # what happens
    """The connection ends here."""


@dataclass(frozen=True)
class Answer:
    """An HTTP answer; `cut` sends the head and half the body, `slow` waits half way."""

    status: int = 200
    body: bytes = b"{}"
    kind: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False
    slow: bool = False


def said(value: object, status: int = 200, **headers: str) -> Answer:
    return Answer(status=status, body=json.dumps(value).encode(), headers=headers)


def painted(seed: int) -> bytes:
    """Return the picture of a seed, from which the seed can be read."""
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16), (seed % 256, seed // 256 % 256, seed // 65536 % 256)).save(buffer, "PNG")
    return buffer.getvalue()


def chosen(chance: Random, weights: Mapping[str, float]) -> str:
    return chance.choices(list(weights), list(weights.values()))[0]


class Liar:
    """A target that charges for each request that it accepts, and does not always say so.

    Attributes:
        tells: whether it can be asked about a request by its track_id.
        choose: returns what becomes of the nth POST of a seed, and of the nth GET of its picture.
        charged: how often each seed's request was accepted.
        events: requests of any kind so far.
    """

    def __init__(self, choose: Callable[[str, int, int], str], *, tells: bool = False) -> None:
        self.choose = choose
        self.tells = tells
        self.charged: Counter[int] = Counter()
        self.events = 0
        self.url = ""
        self._asked: Counter[tuple[str, int]] = Counter()
        self._tracks: dict[str, int] = {}
        self._withdrawn: set[str] = set()
        self._happened = asyncio.Event()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        server = await asyncio.start_server(self._connection, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with server:
            yield f"{self.url}/api/v1/enterprise"

    async def reach(self, events: int) -> None:
        """Wait until that many requests have come."""
        while self.events < events:
            self._happened.clear()
            await self._happened.wait()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                path, length = _head(head)
                body = await reader.readexactly(length)
                self.events += 1
                self._happened.set()
                await _send(writer, self._answer(path, body))
        except (HangUp, OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()

    def _answer(self, path: str, body: bytes) -> Answer:
        if path.startswith("/images/"):
            return self._image(int(path.split("/")[2].split(".", maxsplit=1)[0]))
        asked = json.loads(body)
        if asked["key"] != KEY:
            return said({"status": "error", "message": "Invalid API key"}, status=401)
        if path.endswith("/fetch_by_track_id"):
            return self._find(asked["track_id"])
        if "/fetch" in path:
            return self._fetch(int(asked["request_id"]))
        return self._generate(int(asked["seed"]), asked["track_id"])

    def _nth(self, what: str, seed: int) -> int:
        self._asked[what, seed] += 1
        return self._asked[what, seed]

    def _find(self, track_id: str) -> Answer:
        if not self.tells:
            return said({"status": "error", "message": "no such route"}, status=404)
        if track_id in self._tracks:
            seed = self._tracks[track_id]
            return said({"status": "processing", "id": seed, "eta": 0.01, "output": [], "track_id": track_id})
        self._withdrawn.add(track_id)
        return said(never_accepted(track_id, remembers=1e6, withdrawn=True), status=404)

    def _generate(self, seed: int, track_id: str) -> Answer:
        if track_id in self._withdrawn:
            return said({"status": "error", "message": "withdrawn", "retry_after": 0.02}, status=409)
        match self.choose("post", seed, self._nth("post", seed)):
            case "hangs up before":
                raise HangUp
            case "busy":
                return said({"status": "error", "message": f"queue is full, {KEY}", "retry_after": 0.02}, status=429)
            case "busy without a hint":
                return said({"status": "error", "message": "Too many requests"}, status=429)
            case "refused":
                return said({"status": "error", "message": f"width is wrong, says {KEY}"}, status=400)
            case "broken":
                return said({"status": "error", "message": "Try again", "retry_after": 0.02}, status=500)
            case lie:
                self.charged[seed] += 1
                self._tracks[track_id] = seed
                return self._accepted(seed, lie)

    def _accepted(self, seed: int, lie: str) -> Answer:
        match lie:
            case "hangs up after":
                raise HangUp
            case "bad gateway":
                return Answer(status=502, body=b"<html>bad gateway</html>", kind="text/html")
            case "half an answer":
                return Answer(body=json.dumps(self._ready(seed)).encode(), cut=True)
            case "queued":
                return said({"status": "processing", "id": seed, "eta": 0.01, "output": []})
            case _:
                return said(self._ready(seed))

    def _fetch(self, seed: int) -> Answer:
        if not self.charged[seed]:
            return said({"status": "error", "message": "request not found"}, status=404)
        match self._nth("fetch", seed):
            case 1:
                return said({"status": "processing", "id": seed, "eta": 0.01, "output": []})
            case 2 if seed % 5 == 0:
                raise HangUp
            case _:
                return said(self._ready(seed))

    def _ready(self, seed: int) -> dict[str, object]:
        link = f"{self.url}/images/{seed}.png"
        return {"status": "success", "id": seed, "output": [link], "meta": {"seed": seed, "said": f"for {KEY}"}}

    def _image(self, seed: int) -> Answer:
        data = painted(seed)
        match self.choose("image", seed, self._nth("image", seed)):
            case "cut off":
                return Answer(body=data, kind="image/png", cut=True)
            case "corrupt":
                return Answer(body=data[: len(data) // 2], kind="image/png")
            case "not yet":
                return said({}, status=404)
            case lie:
                return Answer(body=data, kind="image/png", slow=lie == "slow")


def _head(head: bytes) -> tuple[str, int]:
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return first.split(" ")[1], int(headers.get("content-length", 0))


async def _send(writer: asyncio.StreamWriter, answer: Answer) -> None:
    headers = {"content-type": answer.kind, "content-length": str(len(answer.body)), **answer.headers}
    lines = [f"HTTP/1.1 {answer.status} -", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    half = len(answer.body) // 2
    writer.write("\r\n".join(lines).encode() + answer.body[:half])
    await writer.drain()
    if answer.cut:
        raise HangUp
    if answer.slow:
        await asyncio.sleep(0.03)
    writer.write(answer.body[half:])
    await writer.drain()


# --- the campaign --------------------------------------------------------------------------------------------------

FILE = """
name: campaign
target: {{url: "{url}", key: "${{env:CAMPAIGN_KEY}}"}}
parameters: {{model_id: any, prompt: a house, width: 256, height: 256}}
axes:
  seed: [{seeds}]
execution: {{concurrency: {concurrency}, attempts: 20}}
"""


@dataclass(kw_only=True)
class Figures:
    """What a campaign came to.

    Attributes:
        kills, resumes: processes that were killed, and those started on what one had left.
        cells: of all runs.
        made, unknown: how they stand in the end.
        untold: of the unknown ones, those whose target could have been asked.
        accepted: requests that the target has charged for.
        lost: cells whose request was known to be accepted and that are not made, or made ones without their picture.
        twice: cells whose request was charged for more than once.
        wrong: everything else that should not be, in words.
    """

    kills: int = 0
    resumes: int = 0
    cells: int = 0
    made: int = 0
    unknown: int = 0
    untold: int = 0
    accepted: int = 0
    lost: int = 0
    twice: int = 0
    wrong: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Plot:
    """How a campaign goes: how many kills at the most, the seed of its chances, and how many runs go on at a time."""

    kills: int
    seed: int
    cells: int = 30
    kills_a_run: int = 10
    at_once: int = 4


async def campaign(plot: Plot, folder: Path) -> Figures:
    """Kill runs and start them again until that many were killed; return what became of them."""
    figures, room = Figures(), asyncio.Semaphore(plot.at_once)

    async def run(number: int, kills: int) -> None:
        async with room:
            await _one_run(folder / f"run-{number}", plot.cells, kills, Random(f"{plot.seed} {number}"), figures)

    full, rest = divmod(plot.kills, plot.kills_a_run)
    async with asyncio.TaskGroup() as group:
        for number, kills in enumerate([plot.kills_a_run] * full + [rest] * bool(rest)):
            group.create_task(run(number, kills))
    return figures


def _file(run: Path, url: str, seeds: list[int], concurrency: int) -> None:
    run.mkdir(parents=True)
    text = FILE.format(url=url, seeds=", ".join(map(str, seeds)), concurrency=concurrency)
    (run / "campaign.yaml").write_text(text)


async def _one_run(run: Path, cells: int, kills: int, chance: Random, figures: Figures) -> None:
    salt = chance.random()

    def choose(what: str, seed: int, nth: int) -> str:
        if nth > PATIENT[what]:
            return TRUTH[what]
        return chosen(Random(f"{salt} {what} {seed} {nth}"), LIES if what == "post" else IMAGE_LIES)

    liar = Liar(choose, tells=chance.random() < 0.5)
    seeds = chance.sample(range(1, 2**24), cells)
    async with liar.serving() as url:
        _file(run, url, seeds, chance.choice([2, 4, 8, 16]))
        for _ in range(kills):
            if not await _killed(run, liar, chance):
                break
            figures.kills += 1
            figures.resumes += 1
        for _ in range(20):
            code = await (await _start(run)).wait()
            if code != 1 or not _owes(run):
                break
            figures.resumes += 1
    figures.wrong += [f"{run}: the last process ended with {code}"] * (code not in (0, 1))
    look(run / "out", liar, seeds, figures)
    figures.wrong += [f"{path}: holds the key" for path in files_holding(run)]


async def _start(run: Path) -> asyncio.subprocess.Process:
    command = [sys.executable, "-m", "runner", "--debug", "run", "campaign.yaml", "--out", "out", "--yes"]
    with (run / "said.txt").open("ab") as out:
        return await asyncio.create_subprocess_exec(
            *command, cwd=run, stdout=out, stderr=out, env={**os.environ, "CAMPAIGN_KEY": KEY}
        )


async def _killed(run: Path, liar: Liar, chance: Random) -> bool:
    """Start a process and kill it at a random moment; return False when it ended before that."""
    process = await _start(run)
    if chance.random() < 0.15:
        moment = asyncio.ensure_future(asyncio.sleep(chance.uniform(0.05, 0.8)))
    else:
        moment = asyncio.ensure_future(liar.reach(liar.events + chance.randint(1, 12)))
    ended = asyncio.ensure_future(process.wait())
    await asyncio.wait([moment, ended], return_when=asyncio.FIRST_COMPLETED)
    moment.cancel()
    if not ended.done():
        await asyncio.sleep(chance.uniform(0, 0.02))
    if process.returncode is None:
        process.kill()
    return await ended == -9


def _owes(run: Path) -> bool:
    folder = RunFolder(run / "out")
    with folder.reading() as ledger:
        gists = ledger.gists()
    return any(cell.digest not in gists or gists[cell.digest].owed for cell in folder.plan().cells())


def look(out: Path, liar: Liar, seeds: list[int], figures: Figures) -> None:
    """Add to the figures what a run holds at its end, and whatever is wrong with it."""
    with closing(sqlite3.connect(out / "ledger.sqlite")) as database:
        database.row_factory = sqlite3.Row
        figures.wrong += [f"{out}: {row[0]}" for row in database.execute("PRAGMA integrity_check") if row[0] != "ok"]
        figures.wrong += [f"{out}: a row of {row[0]} dangles" for row in database.execute("PRAGMA foreign_key_check")]
        attempts = database.execute(
            "SELECT a.*, json_extract(c.request, '$.parameters.seed') AS asked, p.sha256, p.format "
            "FROM attempts a JOIN cells c ON c.digest = a.cell LEFT JOIN pictures p ON p.attempt = a.id"
        ).fetchall()
    figures.cells += len(seeds)
    for seed in seeds:
        _look_at_cell(out, seed, [row for row in attempts if row["asked"] == seed], liar, figures)
    figures.wrong += [f"{path}: torn" for path in (out / "images").rglob("*.png") if not _whole(path)]
    for name in ("plan.json", "manifest.json"):
        json.loads((out / name).read_bytes())


def _look_at_cell(out: Path, seed: int, attempts: list[sqlite3.Row], liar: Liar, figures: Figures) -> None:
    states, charged = {row["state"] for row in attempts}, liar.charged[seed]
    figures.accepted += charged
    figures.twice += charged > 1
    figures.made += "made" in states
    unknown = "made" not in states and "unknown" in states
    figures.unknown += unknown
    figures.untold += unknown and liar.tells
    known = any(row["remote_id"] for row in attempts)
    figures.lost += "made" not in states and known
    figures.wrong += [f"{out}: attempt {row['id']} is open" for row in attempts if row["finished"] is None]
    if not states & {"made", "unknown"}:
        figures.wrong.append(f"{out}: seed {seed} is {sorted(map(str, states))}, charged {charged}")
    for row in attempts:
        if row["state"] == "made":
            path = out / f"images/{row['sha256'][:2]}/{row['sha256']}.{row['format']}"
            figures.lost += not (path.is_file() and path.read_bytes() == painted(seed))


def _whole(path: Path) -> bool:
    """Return whether an image is what its name says and decodes."""
    data = path.read_bytes()
    with Image.open(io.BytesIO(data)) as image:
        image.load()
    return digest_bytes(data) == path.stem
