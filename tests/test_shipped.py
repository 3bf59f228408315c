"""The files that travel with the package are found, in a checkout and in a wheel."""

import runpy
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from runner import shipped as module
from runner.shipped import shipped


def installed(package: Path) -> Callable[..., Path]:
    """Return `shipped` as it is in a package that lies elsewhere."""
    package.mkdir(parents=True)
    shutil.copy(str(module.__file__), package / "shipped.py")
    found: Callable[..., Path] = runpy.run_path(str(package / "shipped.py"))["shipped"]
    return found


def test_a_checkout_has_its_schemas_at_the_top(root: Path) -> None:
    assert shipped("schemas", "text2img.schema.json") == root / "schemas" / "text2img.schema.json"
    assert shipped("schemas").is_dir()


def test_a_wheel_has_them_inside_the_package_and_those_win(tmp_path: Path) -> None:
    package = tmp_path / "site-packages" / "runner"
    find = installed(package)
    for folder in (package / "shipped" / "schemas", package.parent / "schemas", package.parent / "models"):
        folder.mkdir(parents=True)
    assert find("schemas") == package / "shipped" / "schemas"
    assert find("models") == package.parent / "models"


def test_an_incomplete_installation_says_what_is_missing(tmp_path: Path) -> None:
    find = installed(tmp_path / "runner")
    with pytest.raises(FileNotFoundError) as caught:
        find("models", "studio-tiny")
    assert str(caught.value) == (
        f"models/studio-tiny is missing from the installation at {tmp_path / 'runner'}; "
        "a complete one has schemas/, reports/ and models/: install sweeprunner again"
    )
