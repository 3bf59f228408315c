"""The page on which people compare pictures: a `Book` becomes one static folder that opens from a disk.

book      what the page shows, as frozen nouns
numbers   what is measured and found, as compact columns
columns   many tiles as few compact columns
page      columns, template, style and script become `index.html`
single    the same with the pictures inside: one file
"""

from runner.report.book import Book, Share, Tile
from runner.report.document import told
from runner.report.page import embed, render, write
from runner.report.single import render_single

__all__ = ["Book", "Share", "Tile", "embed", "render", "render_single", "told", "write"]
