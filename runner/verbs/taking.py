"""A run's pictures as one: contact sheets and films."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from runner import album
from runner.errors import InputError
from runner.files import write_whole
from runner.folder import RunFolder
from runner.infotext import EXACT, exact, with_texts
from runner.nouns import Rule
from runner.plan import Plan
from runner.verbs.choosing import chosen
from runner.verbs.standing import standings_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Album:
    """Which cells of a run are shown together, and where.

    Attributes:
        roles: axis by role: x, y, columns, rows.
        at: `axis=label` for axes to hold, `axis=*` to pile up.
        only: a rule over axes and parameters; other cells are left out.
    """

    roles: Mapping[str, str] = field(default_factory=dict)
    at: Sequence[str] = ()
    only: Rule = field(default_factory=dict)


def sheet(run: str | Path, out: str | Path, shown: Album | None = None, *, size: int = 256) -> list[Path]:
    """Write a contact sheet; return its pages: `out`, and where one does not hold it `out` with -2, -3 and so on.

    Args:
        run: the run folder.
        out: a file that ends in .png.
        shown: what stands where; as the page shows it at first without that.
        size: longer side of a picture in pixels.

    Raises:
        InputError: an axis or a point is not there, nothing lies there, or it would take more than 200 pages.
    """
    folder, path, shown = RunFolder(Path(run)), Path(out), shown or Album()
    if path.suffix.lower() != ".png":
        raise InputError(f"sheet: {path.name!r} is no PNG; name a file that ends in .png")
    plan = folder.plan()
    view, tiles = _gathered(folder, plan, shown.roles, shown)
    title = plan.experiment.title or plan.experiment.name
    written = []
    for page in album.paginate(folder.path, title, view, tiles, size=size):
        place = path if page.number == 1 else path.with_stem(f"{path.stem}-{page.number}")
        buffer = io.BytesIO()
        page.draw().save(buffer, "PNG")
        write_whole(place, with_texts(buffer.getvalue(), _said(plan, view, page)))
        written.append(place)
    return written


def animate(
    run: str | Path, along: str, out: str | Path, shown: Album | None = None, *, milliseconds: int = 400
) -> Path:
    """Write a film with a frame for each point of an axis: an animated WebP or PNG, by the ending of `out`.

    Raises:
        InputError: an axis or a point is not there, fewer than two points have a cell, or the file's ending is another.
    """
    folder, path = RunFolder(Path(run)), Path(out)
    view, tiles = _gathered(folder, folder.plan(), {"x": along}, shown or Album())
    write_whole(path, album.film(folder.path, view, tiles, ending=path.suffix, milliseconds=milliseconds))
    return path


def _gathered(folder: RunFolder, plan: Plan, roles: Mapping[str, str], shown: Album) -> tuple[album.View, album.Tiles]:
    view = album.seen(plan, roles, shown.at)
    found = album.gathered(plan, standings_of(folder), view, lambda placement: chosen(placement, shown.only))
    return view, found


def _said(plan: Plan, view: album.View, page: album.Page) -> dict[str, str]:
    """Return what a sheet says of itself, by keyword."""
    roles = {role: axis.name for role, axis in view.roles.items()}
    facts = exact(
        run=plan.experiment.name,
        plan=plan.digest,
        page=page.number,
        pages=page.count,
        roles=roles,
        held=dict(view.held),
    )
    title = plan.experiment.title or plan.experiment.name
    return {"Title": title, "Software": "sweeprunner", EXACT: facts}
