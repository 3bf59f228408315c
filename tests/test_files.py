"""A write happens whole or not at all."""

import errno
import os
import resource
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from runner.files import share_whole, write_together, write_whole

OLD, NEW = b"old" * 1000, b"new" * 100_000


def run(code: str, *words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code, *map(str, words)], capture_output=True, text=True, check=False)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_holds_all_bytes_and_nothing_lies_beside_it(tmp_path: Path) -> None:
    write_whole(tmp_path / "deep" / "er" / "plan.json", NEW)
    assert (tmp_path / "deep" / "er" / "plan.json").read_bytes() == NEW
    assert names(tmp_path / "deep" / "er") == ["plan.json"]


def test_an_older_file_is_replaced(tmp_path: Path) -> None:
    write_whole(tmp_path / "plan.json", OLD)
    write_whole(tmp_path / "plan.json", NEW)
    assert (tmp_path / "plan.json").read_bytes() == NEW


def test_a_file_can_be_read_by_whoever_the_umask_allows(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        write_whole(tmp_path / "image.png", NEW)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "image.png").stat().st_mode) == 0o644


OPENED = """
import os, sys
from pathlib import Path
from runner.files import write_whole
opened = []
sys.addaudithook(lambda event, words: opened.append(words[0]) if event == "open" and os.path.isdir(words[0]) else None)
for name in ("ab.png", "ac.png"):
    write_whole(Path(sys.argv[1]) / "images" / "ab" / name, b"bytes")
    print([os.path.relpath(folder, sys.argv[1]) for folder in opened])
    opened.clear()
"""


def test_every_folder_that_got_a_new_entry_is_synced(tmp_path: Path) -> None:
    done = run(OPENED, tmp_path)
    assert done.stdout == "['images/ab', 'images', '.']\n['images/ab']\n"


CRASH = """
import os, sys, signal
from pathlib import Path
from runner.files import write_whole

def crash(event, words):
    if event == "os.rename":
        os.kill(os.getpid(), signal.SIGKILL) if sys.argv[2] == "kill" else sys.exit("interrupted")

sys.addaudithook(crash)
write_whole(Path(sys.argv[1]), b"new" * 100_000)
"""


def test_a_kill_between_write_and_rename_leaves_the_old_bytes(tmp_path: Path) -> None:
    write_whole(tmp_path / "plan.json", OLD)
    assert run(CRASH, tmp_path / "plan.json", "kill").returncode == -9
    assert (tmp_path / "plan.json").read_bytes() == OLD
    assert [name for name in names(tmp_path) if not name.endswith(".part")] == ["plan.json"]


def test_an_interruption_between_write_and_rename_leaves_the_old_bytes_and_nothing_else(tmp_path: Path) -> None:
    write_whole(tmp_path / "plan.json", OLD)
    assert run(CRASH, tmp_path / "plan.json", "raise").stderr.endswith("interrupted\n")
    assert (tmp_path / "plan.json").read_bytes() == OLD
    assert names(tmp_path) == ["plan.json"]


FULL = """
import resource, signal, sys
from pathlib import Path
from runner.files import write_whole
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    write_whole(Path(sys.argv[1]), b"new" * 100_000)
except OSError as error:
    print(type(error).__name__, error.strerror)
"""


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="the system has no limit for file sizes")
def test_a_full_disk_is_an_error_and_leaves_the_old_bytes(tmp_path: Path) -> None:
    write_whole(tmp_path / "plan.json", OLD)
    assert run(FULL, tmp_path / "plan.json").stdout == "OSError File too large\n"
    assert (tmp_path / "plan.json").read_bytes() == OLD
    assert names(tmp_path) == ["plan.json"]


def test_writers_of_one_place_never_mix_their_bytes(tmp_path: Path) -> None:
    contents = [bytes([number]) * 300_000 for number in range(8)]
    path = tmp_path / "black.png"
    with ThreadPoolExecutor(8) as pool:
        for _ in range(5):
            list(pool.map(lambda data: write_whole(path, data), contents))
            assert path.read_bytes() in contents
    assert names(tmp_path) == ["black.png"]


def test_a_path_below_a_file_is_an_error(tmp_path: Path) -> None:
    write_whole(tmp_path / "file", OLD)
    with pytest.raises(FileExistsError):
        write_whole(tmp_path / "file" / "below", NEW)
    assert (tmp_path / "file").read_bytes() == OLD


def test_a_shared_file_is_one_file_with_two_names_and_replaces_what_was_there(tmp_path: Path) -> None:
    write_whole(tmp_path / "first" / "image.png", NEW)
    write_whole(tmp_path / "second" / "image.png", OLD)
    for _ in range(2):
        assert tmp_path / "second" in share_whole(tmp_path / "first" / "image.png", tmp_path / "second" / "image.png")
        assert (tmp_path / "second" / "image.png").samefile(tmp_path / "first" / "image.png")
    assert names(tmp_path / "second") == ["image.png"]


def test_where_a_file_cannot_have_two_names_it_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(Path, "hardlink_to", refused)
    write_whole(tmp_path / "first" / "image.png", NEW)
    share_whole(tmp_path / "first" / "image.png", tmp_path / "second" / "image.png")
    assert (tmp_path / "second" / "image.png").read_bytes() == NEW
    assert not (tmp_path / "second" / "image.png").samefile(tmp_path / "first" / "image.png")
    assert names(tmp_path / "second") == ["image.png"]


def test_files_written_together_lie_in_their_places(tmp_path: Path) -> None:
    write_together({tmp_path / "images" / "a.png": OLD, tmp_path / "thumbnails" / "a.webp": NEW})
    assert (tmp_path / "images" / "a.png").read_bytes() == OLD
    assert (tmp_path / "thumbnails" / "a.webp").read_bytes() == NEW


FULL_TOGETHER = FULL.replace("write_whole", "write_together").replace(
    '(Path(sys.argv[1]), b"new" * 100_000)',
    '({Path(sys.argv[1]) / "small": b"new", Path(sys.argv[1]) / "large": b"new" * 100_000})',
)


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="the system has no limit for file sizes")
def test_where_one_of_the_files_written_together_does_not_fit_none_is_left(tmp_path: Path) -> None:
    assert run(FULL_TOGETHER, tmp_path).stdout == "OSError File too large\n"
    assert names(tmp_path) == []


OPENED_TOGETHER = OPENED.replace("import write_whole", "import write_together").replace(
    'write_whole(Path(sys.argv[1]) / "images" / "ab" / name, b"bytes")',
    'write_together({Path(sys.argv[1]) / folder / name: b"bytes" for folder in ("images", "thumbnails")})',
)


def test_a_folder_that_files_share_is_synced_once(tmp_path: Path) -> None:
    assert run(OPENED_TOGETHER, tmp_path).stdout == "['images', '.', 'thumbnails']\n['images', 'thumbnails']\n"
