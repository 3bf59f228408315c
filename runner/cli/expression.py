"""The language of `--only`, which the page's filter speaks too: terms joined by commas, values of one term by `|`.

A value that holds a comma or a bar, has blanks at its ends or begins with a quote stands in quotes, in which a quote is
doubled: `subject="a red, round house"|"say ""hi"", and go"`. A quote that opens and is never closed is a letter.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from runner.errors import InputError

WORD = r'\s*"[^"]*(?:""[^"]*)*"\s*(?=[,|]|\Z)|[^,|]*'
"""A value as it is written: in quotes that end where it ends, or bare."""

WORDS = re.compile(rf"\|({WORD})")
TERM = re.compile(rf"\s*(?P<name>[^<>=!\s,]+)\s*(?P<sign><=|>=|!=|=|<|>)(?P<value>(?:{WORD})(?:\|(?:{WORD}))*)(?=,|\Z)")


@dataclass(frozen=True, slots=True)
class Word:
    """A value that an expression names.

    Attributes:
        text: the value.
        written: the value as it stands there, in its quotes where it has any.
    """

    text: str
    written: str


@dataclass(frozen=True, slots=True)
class Term:
    """What an expression asks of one name: `scheduler=DDIMScheduler|LCMScheduler`, `seed>4`.

    Attributes:
        sign: `=`, `!=`, `<`, `<=`, `>` or `>=`.
        value: all that follows the sign, as it is written.
        written: the term, as it is written.
    """

    name: str
    sign: str
    value: str
    written: str

    @property
    def words(self) -> tuple[Word, ...]:
        """The values that are named."""
        return tuple(_word(found[1]) for found in WORDS.finditer(f"|{self.value}"))


def terms(text: str) -> Iterator[Term]:
    """Yield the terms of an expression.

    Raises:
        InputError: something between commas is no term; those before it have been yielded.
    """
    place = 0
    while place < len(text):
        found = TERM.match(text, place)
        end = found.end() if found else f"{text},".index(",", place)
        written = text[place:end].strip()
        if found:
            yield Term(found["name"], found["sign"], found["value"].strip(), written)
        elif written:
            raise InputError(f"--only: {written!r} is no term; write name=value, name>number, joined by commas")
        place = end + 1


def spelled(value: str) -> str:
    """Return how a value is written, such that it is read as itself: in quotes where it needs them."""
    ends = any(unicodedata.category(letter)[0] in "CZ" for letter in (value[:1], value[-1:]) if letter)
    bare = not ends and not value.startswith('"') and not {",", "|"} & set(value)
    return value if bare else '"' + value.replace('"', '""') + '"'


def _word(written: str) -> Word:
    bare = written.strip()
    quoted = len(bare) > 1 and re.fullmatch(r'"[^"]*(?:""[^"]*)*"', bare)
    return Word(bare[1:-1].replace('""', '"') if quoted else bare, bare)
