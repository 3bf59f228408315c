"""A file and the files that it extends become one tree."""

from pathlib import Path

from runner.document.complaints import Complaints, Mistake
from runner.document.merging import merge_documents
from runner.document.opening import open_text, shown
from runner.document.reading import read
from runner.document.tree import Fields, Items, Node, Scalar, Source, Spot, Unreadable

BIGGEST_DOCUMENT = 1024 * 1024
"""Bytes of one experiment file."""

MOST_FILES = 32
"""Files that one experiment may be built from."""

OWN = ("extends", "name")
"""Keys that belong to one file and are not inherited: a name is a run's folder."""


class Inheritance:
    """Reads documents with what they extend, each file within limits.

    Attributes:
        text: the text of the first file, as it was read.
    """

    def __init__(self, complaints: Complaints) -> None:
        self.text = ""
        self._complaints = complaints
        self._open: list[Path] = []
        self._files = 0

    def document(self, text: str, source: Source) -> Fields | None:
        """Return a document on top of what it extends; None where a complaint says that it is no experiment."""
        tree = read(text, source, self._complaints)
        start = Spot(source, int(source.lined), int(source.lined))
        match tree:
            case Fields():
                return self._extended(tree)
            case None:
                self._complaints.add(start, f"this is empty; an experiment has parameters and axes: {STARTER}")
            case Scalar() | Items():
                self._complaints.add(tree.spot, f"an experiment is a mapping, lines of `key: value`; {STARTER}")
        return None

    def file(self, path: Path, spot: Spot) -> Fields | None:
        """Return the document in a file, as `document` does; `spot` is where the file is asked for."""
        with self._complaints.collecting():
            self._files += 1
            if self._files > MOST_FILES:
                raise Mistake(spot, f"more than {MOST_FILES} files are extended; merge some of them")
            text = open_text(path, BIGGEST_DOCUMENT, spot)
            if path.resolve() in self._open:
                raise Mistake(spot, f"{shown(path)} extends this file in turn; take one of the two extends away")
            if not self._open:
                self.text = text
            self._open.append(path.resolve())
            try:
                return self.document(text, Source(shown(path), path.parent))
            finally:
                self._open.pop()
        return None

    def _extended(self, tree: Fields) -> Fields:
        merged: Fields | None = None
        for name in _names(tree.fields.get("extends")):
            base = self._parent(name)
            if base is not None:
                merged = base if merged is None else merge_documents(merged, base)
        own = tree.without("extends") if "extends" in tree.fields else tree
        return own if merged is None else merge_documents(merged, own)

    def _parent(self, name: Node) -> Fields | None:
        with self._complaints.collecting():
            if isinstance(name, Unreadable):
                return None
            if not isinstance(name, Scalar) or not isinstance(name.value, str) or not name.value:
                raise Mistake(name.spot, "extends names a file; write extends: base.yaml, or a list of such names")
            parent = self.file(name.spot.source.folder / name.value, name.spot)
            return parent and parent.without(*OWN)
        return None


def _names(node: Node | None) -> tuple[Node, ...]:
    match node:
        case None | Scalar(value=None):
            return ()
        case Items():
            return node.items
        case _:
            return (node,)


STARTER = "`sweep init` writes one to start from"
