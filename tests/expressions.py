"""The language of `--only` and of the page's filter, by examples that both are held to."""

from hypothesis import strategies as st

READ: list[tuple[str, list[tuple[str, str, list[str]]]]] = [
    ("", []),
    (" , ,", []),
    ("seed=1", [("seed", "=", ["1"])]),
    (" seed = 1 | 2 , guidance_scale >= 4.5,", [("seed", "=", ["1", "2"]), ("guidance_scale", ">=", ["4.5"])]),
    ("seed!=1,seed<5", [("seed", "!=", ["1"]), ("seed", "<", ["5"])]),
    ("prompt=", [("prompt", "=", [""])]),
    ("prompt=|a|", [("prompt", "=", ["", "a", ""])]),
    ("prompt=a=b", [("prompt", "=", ["a=b"])]),
    ("prompt=two\nlines", [("prompt", "=", ["two\nlines"])]),
    ("prompt=a red house|a, blue=boat", [("prompt", "=", ["a red house", "a"]), ("blue", "=", ["boat"])]),
    ('prompt="a, red, round house"', [("prompt", "=", ["a, red, round house"])]),
    ('prompt = "a|b" | c , seed=1', [("prompt", "=", ["a|b", "c"]), ("seed", "=", ["1"])]),
    ('prompt!="a, b"|"c, d"', [("prompt", "!=", ["a, b", "c, d"])]),
    ('prompt=" a "', [("prompt", "=", [" a "])]),
    ('prompt=""', [("prompt", "=", [""])]),
    ('prompt="""so"", he said"', [("prompt", "=", ['"so", he said'])]),
    ('prompt=say "a, b=1', [("prompt", "=", ['say "a']), ("b", "=", ["1"])]),
    ('prompt=5" | 6"', [("prompt", "=", ['5"', '6"'])]),
    ('prompt="open, b=1', [("prompt", "=", ['"open']), ("b", "=", ["1"])]),
    ('prompt="one" or two, b=1', [("prompt", "=", ['"one" or two']), ("b", "=", ["1"])]),
    ('prompt="one"", b=1', [("prompt", "=", ['"one""']), ("b", "=", ["1"])]),
]
"""Expressions, and the terms that they are: name, sign, values."""

SPELLED = [
    ("DDIMScheduler", "DDIMScheduler"),
    ("a red house", "a red house"),
    ("0.5", "0.5"),
    ("", ""),
    ("a=b<c!", "a=b<c!"),
    ('5" of snow', '5" of snow'),
    ("a, red, round house", '"a, red, round house"'),
    ("a|b", '"a|b"'),
    ('"so" he said', '"""so"" he said"'),
    ('"', '""""'),
    (" a", '" a"'),
    ("a\n", '"a\n"'),
    ("\N{ZERO WIDTH SPACE}", '"\N{ZERO WIDTH SPACE}"'),
    ("a\N{NO-BREAK SPACE}", '"a\N{NO-BREAK SPACE}"'),
]
"""Values, and how they are written."""

VALUES = st.text(st.one_of(st.sampled_from('",|=<>! \n'), st.characters(exclude_categories=["Cs"])), max_size=12)
"""Any text, in which what the language is made of is frequent."""

EXPRESSIONS = st.text(st.sampled_from('",,||=<>! ab猫'), max_size=24)
"""Texts that are expressions, or nearly."""
