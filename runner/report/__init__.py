"""The page on which people compare pictures: a `Book` becomes one static folder that opens from a disk.

book      what the page shows, as frozen nouns
numbers   what is measured and found, as compact columns
columns   many tiles as few compact columns
page      columns, template, style and script become `index.html`
"""

from runner.report.book import Book, Share, Tile
from runner.report.document import told
from runner.report.page import embed, render, write

__all__ = ["Book", "Share", "Tile", "embed", "render", "told", "write"]
