"""Whether an installation and a target are well, without making a picture."""

import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from runner.errors import InputError, SweepError
from runner.nouns import Address, Concern
from runner.shipped import shipped
from runner.target import open_target


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that `sweep doctor` looked at: whether it is well, and what was found."""

    check: str
    ok: bool
    found: str


async def examine(target: str, key: str, environ: Mapping[str, str]) -> list[Finding]:
    """Look at the installation and a target without making a picture.

    Args:
        target: "embedded", "sketch" or a URL.
        key: a reference to the key, or empty.
        environ: where the reference is looked up.
    """
    findings = [Finding(check="python", ok=True, found=platform.python_version())]
    for name in ("schemas", "reports/page", "models"):
        with _looking(name, findings):
            findings.append(Finding(check=name, ok=True, found=str(shipped(*name.split("/")))))
    address = Address(name=target, key=key)
    with _looking(f"target {target}", findings):
        async with open_target(address, load=_no_input, environ=environ) as opened:
            refused = await opened.client.probe()
            models = ", ".join(opened.provider.models) or "its models are its own"
            found = f"answers; {models}" if refused is None else refused.message
            if refused is not None and refused.concern is Concern.RUN and not key:
                found += "; no key was sent: name the variable that holds it, such as --key-env MODELSLAB_API_KEY"
            findings.append(Finding(check=f"target {target}", ok=refused is None, found=found))
    return findings


@contextmanager
def _looking(check: str, findings: list[Finding]) -> Iterator[None]:
    """Make a finding of what goes wrong."""
    try:
        yield
    except (SweepError, FileNotFoundError) as error:
        findings.append(Finding(check=check, ok=False, found=str(error)))


def _no_input(sha256: str) -> bytes:
    raise InputError(f"no image {sha256} is at hand; a doctor sends none")
