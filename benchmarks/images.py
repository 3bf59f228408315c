"""What an image costs on its way into the vault, beside the bare decoding of its PNG by Pillow.

    python benchmarks/images.py [IMAGES]

Decoded, digested, written durably (synced, with its folder) and shown small, 512x512 and photo-like. The two ways take
turns, once in one thread and once in two, so that whatever else the machine does meets both. CPU time stands beside
wall time: a disk that others keep busy shows in the second alone. The run folder's own folders are there already, as
after its first thousand images. Then how late the event loop is meanwhile, beside a loop that has nothing to do.
"""

import asyncio
import io
import itertools
import random
import struct
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

from PIL import Image

from runner.vault import Vault

ROUNDS, SIDE, BEAT = 7, 512, 0.002
NUMBERS = itertools.count()


def photo(seed: int) -> bytes:
    """Return a PNG of broad shapes, some detail and a little noise, as a camera or a model makes it."""
    chance, picture = random.Random(seed), Image.new("RGB", (SIDE, SIDE))
    for side, share in ((8, 1.0), (64, 0.2), (SIDE, 0.06)):
        layer = Image.frombytes("RGB", (side, side), chance.randbytes(side * side * 3))
        picture = Image.blend(picture, layer.resize((SIDE, SIDE), Image.Resampling.BICUBIC), share)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def numbered(data: bytes, number: int) -> bytes:
    """Return the same picture in a file of its own."""
    text = b"tEXt" + b"number\0%d" % number
    return data[:-12] + struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text)) + data[-12:]


def decode(data: bytes) -> None:
    Image.open(io.BytesIO(data)).load()


def spent(work: Callable[[bytes], object], photos: Sequence[bytes], threads: ThreadPoolExecutor) -> tuple[float, float]:
    """Return seconds of wall and of CPU that all photos take."""
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in threads.map(work, photos):
        pass
    return time.perf_counter() - wall, time.process_time() - cpu


def beside_decoding(vault: Vault, photos: Sequence[bytes], at_once: int) -> None:
    walls, cpus = [], []
    with ThreadPoolExecutor(at_once) as threads:
        spent(decode, photos, threads)
        for _ in range(ROUNDS):
            bare, bare_cpu = spent(decode, photos, threads)
            whole, whole_cpu = spent(vault.put, [numbered(data, next(NUMBERS)) for data in photos], threads)
            walls.append(whole / bare)
            cpus.append(whole_cpu / bare_cpu)
    print(
        f"{at_once} at once: {median(walls):.2f}x of wall (from {min(walls):.2f} to {max(walls):.2f}), "
        f"{median(cpus):.2f}x of CPU (from {min(cpus):.2f} to {max(cpus):.2f}) in {ROUNDS} rounds"
    )


async def lateness(work: Callable[[bytes], object], photos: Sequence[bytes]) -> tuple[float, float]:
    """Return how many milliseconds the loop's beat is late while threads work, at the median and at worst."""
    threads = [asyncio.create_task(asyncio.to_thread(work, data)) for data in photos]
    late = []
    while not all(thread.done() for thread in threads):
        before = time.perf_counter()
        await asyncio.sleep(BEAT)
        late.append((time.perf_counter() - before - BEAT) * 1000)
    return median(late), max(late)


def main() -> None:
    photos = [photo(seed) for seed in range(int(sys.argv[1]) if len(sys.argv) > 1 else 24)]
    print(f"{len(photos)} photos of {len(photos[0]) // 1000} kB; 1.0x is the decoding alone")
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        for shelf, kind in itertools.product(range(256), ("images", "thumbnails")):
            (Path(folder) / kind / f"{shelf:02x}").mkdir(parents=True)
        vault = Vault(Path(folder))
        for at_once in (1, 2):
            beside_decoding(vault, photos, at_once)
        rest = asyncio.run(lateness(lambda _: time.sleep(0.02), photos))
        busy = asyncio.run(lateness(vault.put, [numbered(data, next(NUMBERS)) for data in photos]))
    print(f"the loop is {busy[0]:.2f} ms late ({busy[1]:.1f} at worst), and {rest[0]:.2f} ({rest[1]:.1f}) at rest")


main()
