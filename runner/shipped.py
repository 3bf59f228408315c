"""Where the files that travel with the package lie.

`schemas/`, `reports/` and `models/` are folders at the top of the project; in an installed wheel the same folders lie
inside the package. Whichever exists is used, the wheel's first.
"""

from pathlib import Path

PACKAGE = Path(__file__).parent


def shipped(*parts: str) -> Path:
    """Return the path of a shipped file or folder, such as `shipped("schemas", "text2img.schema.json")`.

    Raises:
        FileNotFoundError: the installation lacks the file.
    """
    for root in (PACKAGE / "shipped", PACKAGE.parent):
        path = root.joinpath(*parts)
        if path.exists():
            return path
    raise FileNotFoundError(
        f"{'/'.join(parts)} is missing from the installation at {PACKAGE}; "
        "a complete one has schemas/, reports/ and models/: install sweeprunner again"
    )
