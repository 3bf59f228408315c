"""Whoever writes while a run is under way, each in threads of their own: one for the ledger, some for the vault."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from runner.execute.bench import Bench
from runner.execute.scribe import Scribe, scribe
from runner.execute.shelver import Shelver, shelver


@dataclass(frozen=True, slots=True, kw_only=True)
class Writers:
    """The ledger's writer and the vault's."""

    record: Scribe
    shelver: Shelver


@asynccontextmanager
async def writers(bench: Bench) -> AsyncIterator[Writers]:
    """Give ledger and vault to their threads for the length of an `async with` block; nobody else may write to them."""
    async with scribe(bench.ledger) as record, shelver(bench.vault) as shelves:
        yield Writers(record=record, shelver=shelves)
