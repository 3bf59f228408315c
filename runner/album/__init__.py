"""Pictures of a run as one file: a contact sheet, or a film along an axis.

views       which cells are shown, and where
lettering   words as pixels: fonts, lines, and what does not fit
pictures    a cell's picture at a size
sheet       views become pages of one contact sheet
film        pictures along an axis become one moving picture
"""

from runner.album.film import film
from runner.album.sheet import Page, paginate
from runner.album.views import ROLES, Tiles, View, gathered, seen

__all__ = ["ROLES", "Page", "Tiles", "View", "film", "gathered", "paginate", "seen"]
