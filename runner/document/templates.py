"""Which texts are templates, which variables they use, and whether they can be filled at all.

A template is Jinja2 without what makes a prompt unrepeatable or reaches outside: no globals, no `random` filter, no other
templates. Only the experiment's own text can be one; what comes from data files is text, whatever it looks like. Nothing is
filled here: `runner.plan` does that, once for each cell.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from jinja2 import TemplateSyntaxError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from runner.document.complaints import Complaints, Mistake, closest
from runner.document.tree import Fields, Items, Node, Scalar, Spot, Unreadable
from runner.plan.templates import TemplateRefusedError, variables_of

LONGEST_TEMPLATE = 20_000
"""Characters; a prompt has at most 4,000 once it is filled."""

OUTWARD = (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)
EXAMPLE = 'write "a {{ subject }} at dawn"'

_environment = ImmutableSandboxedEnvironment()
_environment.globals.clear()
del _environment.filters["random"]


@dataclass(frozen=True, slots=True)
class Usage:
    """What the templates of a document use.

    Attributes:
        templates: the variables that each template uses, by the place where it is written.
        whole: whether every template could be read; if not, an unknown name may still be a variable.
    """

    templates: Mapping[Spot, frozenset[str]]
    whole: bool = True

    @property
    def names(self) -> frozenset[str]:
        """Every variable that some template uses."""
        return frozenset(name for names in self.templates.values() for name in names)


def is_template(text: object) -> bool:
    """Return whether a value has places to fill."""
    return isinstance(text, str) and ("{{" in text or "{%" in text)


def usage(parts: Iterable[Node], complaints: Complaints) -> Usage:
    """Return what the templates in some parts of a document use; complain of those that cannot be read."""
    found: dict[Spot, frozenset[str]] = {}
    whole = True
    for node in (node for part in parts for node in _leaves(part)):
        if isinstance(node, Unreadable):
            whole = whole and not _may_hide_template(node.spot.path)
        elif is_template(node.value):
            with complaints.collecting():
                found[node.spot] = variables(node)
            whole = whole and node.spot in found
    return Usage(found, whole)


def variables(scalar: Scalar) -> frozenset[str]:
    """Return the variables that a template uses.

    Raises:
        Mistake: it is no template that can be filled.
    """
    if len(scalar.text) > LONGEST_TEMPLATE:
        raise Mistake(scalar.spot, f"the template has {len(scalar.text):,} characters, more than {LONGEST_TEMPLATE:,}")
    try:
        tree = _environment.parse(scalar.text)
        _check_names(tree, scalar.spot)
        return variables_of(scalar.text)
    except TemplateSyntaxError as error:
        raise Mistake(
            scalar.spot, f"the template cannot be read: {str(error.message).rstrip('.')}; {EXAMPLE}"
        ) from error
    except TemplateRefusedError as error:
        raise Mistake(scalar.spot, f"{error}; {EXAMPLE}") from error
    except (ValueError, RecursionError) as error:
        # Jinja2 lets int() fail on numbers of thousands of digits, and its parser is recursive.
        raise Mistake(scalar.spot, f"the template cannot be read: it is too deep or too large; {EXAMPLE}") from error


def _check_names(tree: nodes.Template, spot: Spot) -> None:
    for outward in tree.find_all(OUTWARD):
        word = type(outward).__name__.lower()
        raise Mistake(spot, f"the template uses {word!r}, and there are no other templates; write the text out")
    for found in tree.find_all((nodes.Filter, nodes.Test)):
        known = _environment.filters if isinstance(found, nodes.Filter) else _environment.tests
        if found.name not in known:
            kind, meant = type(found).__name__.lower(), closest(found.name, known)
            advice = f"did you mean {meant!r}?" if meant else f"Jinja2 lists the {kind}s there are, `random` left out"
            raise Mistake(spot, f"the template uses the {kind} {found.name!r}, which does not exist; {advice}")


def _may_hide_template(path: tuple[str, ...]) -> bool:
    return path == ("parameters",) or not {"prompt", "negative_prompt"}.isdisjoint(path)


def _leaves(node: Node) -> Iterator[Scalar | Unreadable]:
    match node:
        case Items():
            for item in node.items:
                yield from _leaves(item)
        case Fields():
            for item in node.fields.values():
                yield from _leaves(item)
        case _:
            yield node
