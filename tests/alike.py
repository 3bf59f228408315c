"""What the page's contact sheets and those of `sweep sheet` have in common, by examples that both are held to."""

from hypothesis import strategies as st

TOLD = [
    ("", "(empty)"),
    (" ", "(space)"),
    ("   ", "(3 spaces)"),
    (" " * 1234, "(1,234 spaces)"),
    ("\u00a0", "(U+00A0)"),
    ("\n\t", "(U+000A U+0009)"),
    ("\u200b" * 4, "(U+200B U+200B U+200B U+200B)"),
    ("\u200b" * 1009, "(U+200B U+200B U+200B U+200B … 1,009 letters)"),
    ("\U000e0001", "(U+E0001)"),
    ("\u3000 ", "(U+3000 U+0020)"),
    (" a ", " a "),
    (".", "."),
]
"""Labels of which nothing is seen and others, and how they are told."""

BLANKS = st.text(st.sampled_from(" \n\t\u00a0\u200b\u2028\ufeff\u202e\U000e0001"), max_size=9)

PILES = {1: 128, 2: 64, 3: 128, 4: 128, 5: 85, 6: 85, 7: 128, 12: 128}
"""Pictures in each cell of a row, and the pixels of its height where one alone has 128."""
