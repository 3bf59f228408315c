"""Text with places to fill: the part of Jinja2 that always ends, and soon.

    a {{ subject }} under a {{ sky | default("clear") }} sky
    {{ subject | upper }}{% if style is defined %}, {{ style }}{% endif %}

Places, `if`, comparisons of texts, `~` and seven filters. What could run without end, eat memory, reach into Python or
draw lots is refused when the template is read: loops, calls, attributes, arithmetic, other templates. Values that are
filled in are text and are never read as templates.
"""

from collections.abc import Mapping
from functools import lru_cache

from jinja2 import StrictUndefined, Template, TemplateError, nodes
from jinja2.meta import find_undeclared_variables
from jinja2.sandbox import ImmutableSandboxedEnvironment

LONGEST_SOURCE = 20_000
LONGEST_TEXT = 100_000
"""Characters of a template, and of what `replace` may make of a text; a prompt has at most 4,000."""

DEEPEST = 40
"""How deep expressions may nest; Python's own parser gives up at some hundreds."""

FILTERS = ("capitalize", "default", "lower", "replace", "title", "trim", "upper")
TESTS = ("defined", "undefined")
COMPARISONS = ("eq", "ne", "in", "notin")

_PARTS = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.If,
    nodes.Name, nodes.Const, nodes.Filter, nodes.Test, nodes.Concat,
    nodes.CondExpr, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not,
)  # fmt: skip


class TemplateRefusedError(ValueError):
    """A template cannot be read, or not be filled with the variables at hand; the message says why."""


def variables_of(source: str) -> frozenset[str]:
    """Return the names that a template fills in.

    Raises:
        TemplateRefusedError: it is no template, or uses more than this package's templates may.
    """
    return _compiled(source)[1]


def fill(source: str, variables: Mapping[str, str]) -> str:
    """Return a template's text.

    Raises:
        TemplateRefusedError: the template cannot be read, or uses a variable that is not there.
    """
    _, names = _compiled(source)
    return _filled(source, tuple((name, variables[name]) for name in names if name in variables))


@lru_cache(maxsize=4096)
def _filled(source: str, variables: tuple[tuple[str, str], ...]) -> str:
    template, _ = _compiled(source)
    try:
        return template.render(dict(variables))
    except (TemplateError, TypeError) as error:  # TypeError: a filter that was given a wrong argument
        raise TemplateRefusedError(str(error)) from error


@lru_cache(maxsize=1024)
def _compiled(source: str) -> tuple[Template, frozenset[str]]:
    if len(source) > LONGEST_SOURCE:
        raise TemplateRefusedError(f"a template of {len(source):,} characters is longer than {LONGEST_SOURCE:,}")
    try:
        tree = _environment.parse(source)
        _check(tree, DEEPEST)
        return _environment.from_string(source), frozenset(find_undeclared_variables(tree))
    except TemplateError as error:
        raise TemplateRefusedError(f"the template cannot be read: {error}") from error
    except (ValueError, RecursionError) as error:  # Jinja2's parser recurses, and int() refuses thousands of digits
        if isinstance(error, TemplateRefusedError):
            raise
        raise TemplateRefusedError("the template cannot be read: it is too deep or holds a huge number") from error


def _check(node: nodes.Node, depth: int) -> None:
    if depth == 0:
        raise TemplateRefusedError(f"the template nests deeper than {DEEPEST} levels; write it flatter")
    if not isinstance(node, _PARTS):
        word = type(node).__name__.lower()
        raise TemplateRefusedError(
            f"the template uses {word!r}; it may have {{{{ names }}}}, if, == and in, ~ and filters"
        )
    match node:
        case nodes.Filter(name=name) if name not in FILTERS:
            raise TemplateRefusedError(f"the template uses the filter {name!r}; filters are {', '.join(FILTERS)}")
        case nodes.Name(name="self"):
            raise TemplateRefusedError(
                "the template uses 'self', which is Jinja2's own; give the variable another name"
            )
        case nodes.Test(name=name) if name not in TESTS:
            raise TemplateRefusedError(f"the template uses the test {name!r}; tests are {', '.join(TESTS)}")
        case nodes.Operand(op=sign) if sign not in COMPARISONS:
            raise TemplateRefusedError("the template compares by size; texts are compared by ==, !=, in and not in")
        case _:
            for child in node.iter_child_nodes():
                _check(child, depth - 1)


def _replace(text: object, old: object, new: object) -> str:
    text, old, new = str(text), str(old), str(new)
    if len(text) + text.count(old) * max(len(new) - len(old), 0) > LONGEST_TEXT:
        raise TemplateRefusedError(f"replace would make more than {LONGEST_TEXT:,} characters")
    return text.replace(old, new)


_environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True)
# No escaping: what is filled are prompts, which are text; the page escapes whatever it shows.
_environment.globals.clear()
_environment.filters = {name: _environment.filters[name] for name in FILTERS} | {"replace": _replace}
_environment.tests = {name: _environment.tests[name] for name in TESTS} | {
    "eq": _environment.tests["eq"],
    "ne": _environment.tests["ne"],
    "in": _environment.tests["in"],
}
