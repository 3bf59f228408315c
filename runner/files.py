"""Writes that happen whole or not at all.

A file is written beside its place, synced, moved over it, and its folder synced, as are the folders above it that were
made for it: after a crash at any moment there is the old file or the new one, never half of one. Writers of one place
do not meet: each thread of each process has its own file beside it, and the last to finish wins. What is accepted: a
crash can leave a hidden `.part` file behind, which nothing reads.
"""

import os
import threading
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, TypeAlias

Content: TypeAlias = bytes | Iterable[bytes]
"""What a file is to hold, whole or in pieces as they come."""


def write_whole(path: Path, data: Content) -> None:
    """Write bytes to a path so that it holds all of them or what it held before. Makes the folders above it.

    Raises:
        OSError: the disk is full, the folder is read-only.
    """
    write_together({path: data})


def write_together(files: Mapping[Path, Content]) -> None:
    """Write several files, each as `write_whole` would; none is moved to its place before all are on disk.

    The disk is asked to write all of them before the first is waited for, so that they share its syncs.

    Raises:
        OSError: the disk is full, a folder is read-only.
    """
    changed = dict.fromkeys(folder for path in files for folder in _make_folder(path.parent))
    parts = {_part(path): path for path in files}
    try:
        with ExitStack() as opened:
            for file in [_written(opened.enter_context(part.open("wb")), files[path]) for part, path in parts.items()]:
                os.fsync(file.fileno())
        for part, path in parts.items():
            part.replace(path)
    except BaseException:
        for part in parts:
            part.unlink(missing_ok=True)
        raise
    for folder in changed:
        sync_folder(folder)


def _written(file: BinaryIO, data: Content) -> BinaryIO:
    """Write bytes to a file and have the disk begin with them, where the system can be told to."""
    file.writelines((data,) if isinstance(data, bytes) else data)
    file.flush()
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return file


def share_whole(source: Path, path: Path) -> list[Path]:
    """Give a file, which is never written to again, a second name; a copy where the file system cannot link.

    Returns:
        The folders to sync before the new name is durable: whoever shares many files syncs each folder once.

    Raises:
        OSError: the source cannot be read, the disk is full, the folder is read-only.
    """
    changed = _make_folder(path.parent)
    part = _part(path)
    try:
        part.hardlink_to(source.resolve())
        part.replace(path)
    except OSError:
        write_whole(path, source.read_bytes())
    finally:
        part.unlink(missing_ok=True)  # two names of one file do not replace each other
    return changed


def sync_folder(folder: Path) -> None:
    """Make renames in a folder durable, where the system can (Windows cannot open a folder)."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _part(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.part")


def _make_folder(folder: Path) -> list[Path]:
    """Make a folder and those above it; return the folders that have a new entry once a file is moved in."""
    if folder.is_dir():
        return [folder]
    missing = [above for above in (folder, *folder.parents) if not above.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return [folder, *(above.parent for above in missing)]
