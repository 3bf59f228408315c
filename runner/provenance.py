"""Which versions, which commit and which machine made a run, so that it explains itself later."""

import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from runner.nouns import Provider

RECORDED = ("sweeprunner", "torch", "diffusers", "transformers", "peft", "httpx", "pillow")
"""Packages whose versions are recorded: those that can change a picture, and the runner's own."""


def provenance(provider: Provider, *, started: float) -> dict[str, Any]:
    """Return what a manifest records at the start of a run.

    Args:
        provider: who makes the pictures.
        started: seconds since 1970.
    """
    versions = {name: found for name in RECORDED if (found := _version(name))}
    return {
        "started": stamp(started),
        "target": provider.target,
        "models": dict(provider.models),
        "versions": {**versions, "python": platform.python_version()},
        "platform": platform.platform(),
        "git": _git(),
    }


def stamp(seconds: float) -> str:
    """Return seconds since 1970 as an ISO 8601 time in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _git() -> dict[str, Any] | None:
    """Return the working directory's commit and whether it is dirty; None outside a repository or without git."""
    try:
        return {"commit": _ask_git("rev-parse", "HEAD"), "dirty": bool(_ask_git("status", "--porcelain"))}
    except (OSError, subprocess.SubprocessError):
        return None


def _ask_git(*words: str) -> str:
    asked = ["git", *words]
    return subprocess.run(asked, capture_output=True, check=True, text=True, timeout=10).stdout.strip()  # noqa: S603  # fixed words
