"""What people say of a run's pictures comes into its table and page."""

from collections.abc import Iterable
from pathlib import Path

from runner.ballots import load, spelled
from runner.folder import RunFolder
from runner.ratings import Ratings, merged
from runner.verbs.reading import ratings_of, render


def import_ratings(run: str | Path, files: Iterable[str | Path]) -> Ratings:
    """Merge files that the page has exported into a run's ratings, and write its table and page.

    The same judgement twice is one; of a person's marks of a cell the latest counts; people stay apart.

    Args:
        run: the run folder.
        files: whose order does not matter.

    Returns:
        All of the run's ratings.

    Raises:
        ExperimentError: a file is wrong; it has every complaint.
        InputError: a file judges the cells of another plan.
        RunFolderError: there is no run.
    """
    folder = RunFolder(Path(run))
    plan = folder.plan()
    cells = [digest for _, digest in plan.digests()]
    several = [load(Path(file), plan.digest, cells) for file in files]
    together = merged(plan.digest, [ratings_of(folder, plan), *several])
    folder.write(folder.ratings_path.name, spelled(together))
    render(run)
    return together
