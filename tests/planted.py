"""Keys that tests use, and where they may never turn up: a file, captured output, a log."""

from collections.abc import Iterator
from pathlib import Path

KEY = "planted-4f1d9c2e-never-to-be-written"
"""The key for a test that needs one."""

KEYS = (KEY, "secret-4711", "sesame-open-4711")
"""Every key that tests hand to clients and servers; conftest.py looks for them in all that the tests leave behind."""


def files_holding(folder: Path, secrets: tuple[str, ...] = KEYS) -> Iterator[Path]:
    """Give the files below a folder that hold a secret."""
    wanted = [secret.encode() for secret in secrets]
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            data = path.read_bytes()
            if any(secret in data for secret in wanted):
                yield path
