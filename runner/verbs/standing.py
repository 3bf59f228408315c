"""How the cells of a run folder stand."""

from collections.abc import Mapping

from runner.folder import RunFolder
from runner.ledger import Gist, Standing


def gists_of(folder: RunFolder) -> dict[str, Gist]:
    """Return how each cell stands that was tried, in brief, by digest; none before anything was sent."""
    if not folder.begun:
        return {}
    with folder.reading() as ledger:
        return ledger.gists()


def standings_of(folder: RunFolder) -> Mapping[str, Standing]:
    """Return how each cell stands that was tried, by digest; none before anything was sent."""
    if not folder.begun:
        return {}
    with folder.reading() as ledger:
        return ledger.standings()
