"""A key's value exists in memory and in the request: in no file, page, output or traceback."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from campaign import FILE, Liar
from planted import KEY, files_holding

CHOICES: dict[str, Callable[[str, int, int], str]] = {
    "made": lambda what, *_: "at once" if what == "post" else "whole",
    "queued": lambda what, *_: "queued" if what == "post" else "whole",
    "busy, and tells the key": lambda what, *_: "busy" if what == "post" else "whole",
    "refused, and tells the key": lambda *_: "refused",
    "no answer": lambda *_: "hangs up after",
    "nothing but rubbish": lambda *_: "bad gateway",
    "a broken picture": lambda what, *_: "at once" if what == "post" else "corrupt",
}


def ran(folder: Path, url: str, key: str = KEY, *words: str) -> str:
    """Run a sweep with --debug; return all that it said."""
    (folder / "a.yaml").write_text(FILE.format(url=url, seeds="1, 2", concurrency=2))
    command = [sys.executable, "-m", "runner", "--debug", "run", "a.yaml", "--out", "run", "--yes", *words]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, env={**os.environ, "CAMPAIGN_KEY": key}
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize("name", CHOICES)
def test_whatever_a_target_does_and_tells_the_key_is_written_nowhere(name: str, tmp_path: Path) -> None:
    async def session() -> str:
        async with Liar(CHOICES[name]).serving() as url:
            return await asyncio.to_thread(ran, tmp_path, url, KEY, "--set", "execution.attempts=2")

    told = asyncio.run(session())
    assert "2 cells" in told
    assert KEY not in told
    assert list(files_holding(tmp_path)) == []


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9/api/v1/enterprise", "http://[::1/api", f"http://127.0.0.1:9/{KEY}?key={KEY}"]
)
def test_a_traceback_does_not_hold_the_key(url: str, tmp_path: Path) -> None:
    told = ran(tmp_path, url, KEY, "--set", "execution.attempts=1")
    assert told
    if KEY in url:
        (tmp_path / "a.yaml").unlink()
    assert KEY not in told
    assert list(files_holding(tmp_path)) == []


def test_the_check_of_the_session_finds_a_key_wherever_it_stands(tmp_path: Path) -> None:
    place = tmp_path / "a" / "deep.bin"
    place.parent.mkdir()
    place.write_bytes(b"\0\xff" + KEY.encode() + b"\0")
    try:
        assert list(files_holding(tmp_path)) == [place]
    finally:
        place.unlink()
