"""A description in light Markdown becomes blocks of text: paragraphs, headings and lists. Never HTML."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

BULLET = r"[-*+] "
HEADING = r"#{1,6} "


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of a description: `kind` is "paragraph", "heading" or "list"; a list has one line an item."""

    kind: str
    lines: tuple[str, ...]


def blocks(text: str) -> tuple[Block, ...]:
    r"""Return a description's paragraphs, headings and lists; inline marks stay as they were typed.

    >>> blocks("# Why\n\nLine one\nline two\n\n- a\n- b")[1:]
    (Block(kind='paragraph', lines=('Line one line two',)), Block(kind='list', lines=('a', 'b')))
    """
    found: list[Block] = []
    for lines in _runs_of_lines(text):
        if re.match(BULLET, lines[0]):
            found.append(Block("list", _items(lines)))
        elif re.match(HEADING, lines[0]):
            found.append(Block("heading", (lines[0].lstrip("#").strip(),)))
        else:
            found.append(Block("paragraph", (" ".join(lines),)))
    return tuple(found)


def _runs_of_lines(text: str) -> Iterable[list[str]]:
    """Yield the lines of each block: a blank line, a heading and the first item of a list each begin another."""
    run: list[str] = []
    for line in [*(line.strip() for line in text.splitlines()), ""]:
        heading = re.match(HEADING, line) is not None
        opens = heading or (re.match(BULLET, line) is not None and not (run and re.match(BULLET, run[0])))
        if run and (opens or not line):
            yield run
            run = []
        if heading:
            yield [line]
        elif line:
            run.append(line)


def _items(lines: Iterable[str]) -> tuple[str, ...]:
    """Return a list's items; a line without a bullet continues the item above it."""
    items: list[str] = []
    for line in lines:
        if re.match(BULLET, line):
            items.append(line[2:].strip())
        else:
            items[-1] += f" {line}"
    return tuple(items)
