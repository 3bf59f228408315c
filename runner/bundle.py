"""A run's pictures under names that people read, with what made them written into each, in one ZIP.

> Invariant 6, whatever a prompt, a label or a server says is text: a name is made of letters, digits and a few signs, and
> is never a path. The run's own files are read and not changed: their digests stay what the ledger says.
"""

import re
import unicodedata
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from runner.infotext import EXACT, TEXT, exact, infotext, with_texts
from runner.ledger import Standing
from runner.nouns import Picture
from runner.plan import Placement
from runner.vault import image_path

LONGEST_LABEL, LONGEST_NAME = 32, 120
"""Characters of one label in a file's name, and of the name without what makes it unique: Windows ends at 260 with the path."""

EPOCH = (1980, 1, 1, 0, 0, 0)
"""What a ZIP calls the time of each file, so that the same pictures give the same archive."""

_OTHER = re.compile(r"[^\w.+-]+")


def bundle(
    run: Path,
    file: BinaryIO,
    placements: Iterable[Placement],
    standings: Mapping[str, Standing],
    beside: Mapping[str, bytes],
) -> int:
    """Write the pictures of some places of the grid into a ZIP; return how many.

    A cell that stands in several places is written for the first. PNG files carry the request, see `runner.infotext`;
    those of other formats are as the target made them.

    Args:
        run: the run folder.
        file: open for writing.
        placements: whose pictures.
        standings: how cells stand, by digest.
        beside: other files by their names.

    Raises:
        OSError: a picture cannot be read, the disk is full.
    """
    count, seen = 0, set[str]()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, data in beside.items():
            archive.writestr(zipfile.ZipInfo(name, EPOCH), data, zipfile.ZIP_DEFLATED)
        for placement in placements:
            standing = standings.get(placement.digest)
            if standing is None or placement.digest in seen:
                continue
            seen.add(placement.digest)
            for place, picture in enumerate(standing.pictures):
                data = told(run, placement, standing, place)
                archive.writestr(zipfile.ZipInfo(file_name(placement, picture, place), EPOCH), data)
                count += 1
    return count


def told(run: Path, placement: Placement, standing: Standing, place: int) -> bytes:
    """Return a picture's file with what made it written into it; as it is where it is no PNG. Raises OSError."""
    picture = standing.pictures[place]
    data = (run / image_path(picture.sha256, picture.format)).read_bytes()
    if picture.format != "png":
        return data
    asked = placement.request.parameters.get("seed")
    seed = standing.seed if asked is None else int(str(asked))
    text = infotext(placement.request.parameters, seed=seed, size=(picture.width, picture.height), place=place)
    facts = exact(
        cell=placement.digest,
        coordinates=dict(placement.coordinates),
        request={"endpoint": placement.request.endpoint, "parameters": dict(placement.request.parameters)},
        answer=dict(standing.answer),
        seed=seed,
        picture=place + 1,
        sha256=picture.sha256,
    )
    return with_texts(data, {TEXT: text, EXACT: facts})


def file_name(placement: Placement, picture: Picture, place: int) -> str:
    """Return what a picture is called in the archive: its labels, then what makes the name unique."""
    labels = "_".join(_labels(placement.coordinates))[:LONGEST_NAME].rstrip(". ")
    sample = f".{place + 1}" if place else ""
    return f"pictures/{labels or 'picture'}-{placement.digest[:10]}{sample}.{picture.format}"


def _labels(coordinates: Mapping[str, str]) -> Iterator[str]:
    for axis, label in coordinates.items():
        plain = _plain(label)
        yield f"{_plain(axis)}={plain}" if re.fullmatch(r"[\d.+-]*", plain) else plain


def _plain(text: str) -> str:
    """Return what a file system takes of a text."""
    return _OTHER.sub("-", unicodedata.normalize("NFC", text)).strip("-.")[:LONGEST_LABEL]
