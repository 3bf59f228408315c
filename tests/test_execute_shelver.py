"""Images that wait at the same time are stored together, and each has its own end."""

import asyncio
import io
import threading
from collections.abc import Iterable
from pathlib import Path

import pytest
from PIL import Image

from runner.errors import ImageError
from runner.execute.shelver import MOST_TOGETHER, shelver
from runner.nouns import Picture
from runner.vault import Vault, image_path, thumbnail_path

COUNT = 100


def png(shade: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), (shade, 0, 0)).save(buffer, "PNG")
    return buffer.getvalue()


class SlowToStart(Vault):
    """A vault that begins when it is told to, and keeps how many images came together."""

    def __init__(self, run: Path) -> None:
        super().__init__(run)
        self.groups: list[int] = []
        self.told = threading.Event()

    def put_all(self, images: Iterable[bytes]) -> list[Picture | ImageError]:
        group = list(images)
        self.groups.append(len(group))
        assert self.told.wait(30)
        return super().put_all(group)


class Full(Vault):
    """A vault without room."""

    def put_all(self, images: Iterable[bytes]) -> list[Picture | ImageError]:
        raise OSError(28, f"No space left on device for {len(list(images))}")


async def put(vault: Vault, images: Iterable[bytes]) -> list[Picture | BaseException]:
    async with shelver(vault) as threads:
        waiting = asyncio.gather(*map(threads.put, images), return_exceptions=True)
        await asyncio.sleep(0)
        if isinstance(vault, SlowToStart):
            vault.told.set()
        return await waiting


def test_images_that_wait_are_stored_together_and_a_broken_one_fails_alone(tmp_path: Path) -> None:
    vault, images = SlowToStart(tmp_path), [*map(png, range(COUNT - 1)), b"GIF89a"]

    stored = asyncio.run(put(vault, images))

    assert isinstance(stored.pop(), ImageError)
    for picture in stored:
        assert isinstance(picture, Picture)
        assert (tmp_path / image_path(picture.sha256)).is_file()
        assert (tmp_path / thumbnail_path(picture.sha256)).is_file()
    assert sum(vault.groups) == COUNT
    assert 1 < max(vault.groups) <= MOST_TOGETHER


def test_where_the_disk_is_full_every_image_that_waits_is_told(tmp_path: Path) -> None:
    ends = asyncio.run(put(Full(tmp_path), map(png, range(9))))

    assert [type(end) for end in ends] == [OSError] * 9


def test_what_nobody_waits_for_any_more_is_stored_before_the_threads_end(tmp_path: Path) -> None:
    vault = SlowToStart(tmp_path)

    async def give_up() -> None:
        async with shelver(vault) as threads:
            waiting = [asyncio.create_task(threads.put(png(shade))) for shade in range(9)]
            await asyncio.sleep(0)
            for task in waiting:
                task.cancel()
            vault.told.set()

    asyncio.run(give_up())
    assert len(list(tmp_path.glob("images/*/*.png"))) == 9
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("shelver")]


def test_the_same_image_twice_at_once_is_one_file(tmp_path: Path) -> None:
    first, second = asyncio.run(put(Vault(tmp_path), [png(1), png(1)]))

    assert first == second
    assert len(list(tmp_path.glob("*/*/*"))) == 2


@pytest.mark.parametrize("count", [0, 1])
def test_threads_end_when_there_was_little_or_nothing_to_do(count: int, tmp_path: Path) -> None:
    assert len(asyncio.run(put(Vault(tmp_path), map(png, range(count))))) == count
