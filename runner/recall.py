"""What a run's own table says of its pictures, where no ledger says it.

> Invariant 1: the table is as old as the last page. What it does not know as made may have been made since: it stays in
> doubt, whatever the table says of it.
"""

import csv
from dataclasses import asdict
from pathlib import Path, PurePosixPath

from runner.ledger.salvage import Remains
from runner.nouns import State
from runner.vault import Vault


def recalled(run: Path) -> Remains:
    """Return the pictures that `results.csv` has for each cell, as those of attempts whose record is lost.

    Nothing where there is no table, or one that another program made something else of. Every picture is looked at.
    """
    told: dict[str, dict[int, str]] = {}
    try:
        with (run / "results.csv").open(newline="", encoding="utf-8-sig") as file:
            for row in csv.DictReader(file):
                if row["outcome"] == State.MADE:
                    told.setdefault(row["cell"], {})[int(row["sample"])] = PurePosixPath(row["image"]).name
    except (OSError, ValueError, KeyError, TypeError, csv.Error):
        return Remains()
    found, vault = Remains(), Vault(run)
    for number, (cell, images) in enumerate(told.items(), 1):
        found.traces[number] = cell
        pictures = [(place, vault.known(name)) for place, name in sorted(images.items())]
        found.pictures[number] = [
            {"attempt": number, "place": place, **asdict(picture)} for place, picture in pictures if picture
        ]
    return found
