"""Documents on top of documents: `extends` and `--set` merge alike.

A mapping is merged key by key; anything else replaces what was there. Null takes an inherited mapping or list away. Two
axes of different forms (a range over a list of files) are not mixed: the later one stands.
"""

from runner.document.complaints import Complaints, Mistake
from runner.document.reading import read
from runner.document.tree import Fields, Items, Node, Scalar, Source, Spot, is_null

AXIS_FORMS = ("draw", "random", "lora", "file", "values")
RANGE = ("to", "step", "count")
TARGET_FORMS = ("url", "embedded")
INSTEAD = {"step": ("count", "scale"), "count": ("step",)}
"""Keys of a range that make way for one that is set on top of them."""


def merge(base: Node, over: Node) -> Node | None:
    """Return what a document means with another one on top; None where the upper one takes it away."""
    if isinstance(base, Fields) and isinstance(over, Fields):
        return _merge_fields(base, over)
    if is_null(over) and isinstance(base, Fields | Items):
        return None
    return over


def merge_documents(base: Fields, over: Fields) -> Fields:
    """Return one whole document on top of another; neither is ever taken away."""
    return _merge_fields(base, over)


def _merge_fields(base: Fields, over: Fields) -> Fields:
    form = _form(over)
    if form and _form(base) not in (form, None):
        return over
    fields, keys = dict(base.fields), dict(base.keys)
    for key, node in over.fields.items():
        merged = merge(fields[key], node) if key in fields else node
        if merged is None:
            del fields[key], keys[key]
        else:
            fields[key], keys[key] = merged, over.keys[key]
    result = Fields(over.spot, fields, keys)
    if form != "range":
        return result
    return result.without(*(old for key in over.fields for old in INSTEAD.get(key, ()) if old not in over.fields))


def _form(node: Fields) -> str | None:
    """Return which of the exclusive forms a target or an axis has; `from` alone can belong to several."""
    path = node.spot.path
    if path == ("target",):
        return next((form for form in TARGET_FORMS if form in node.fields), None)
    if path[:1] != ("axes",) or not (len(path) == 2 or path[2:] == ("strength",)):
        return None
    found = next((form for form in AXIS_FORMS if form in node.fields), None)
    return found or ("range" if any(key in node.fields for key in RANGE) else None)


def override(tree: Fields, text: str, source: Source, complaints: Complaints) -> Fields:
    """Return the document with one `path=value` of the command line on top.

    The path is dotted (`parameters.width`, `axes.size.0.label`), the value is YAML.
    """
    with complaints.collecting():
        path, sign, value_text = text.partition("=")
        steps = tuple(step.strip() for step in path.split("."))
        if not sign or not all(steps):
            raise Mistake(Spot(source), f"{path[:60]!r} is no override; write path=value, such as limits.requests=5")
        value = read(value_text, source, complaints, steps) or Scalar(Spot(source, path=steps), None, "")
        overlay = _overlay(tree, steps, value, Spot(source))
        return merge_documents(tree, overlay) if isinstance(overlay, Fields) else tree
    return tree


def _overlay(node: Node | None, steps: tuple[str, ...], value: Node, spot: Spot) -> Node:
    """Return a document that says one thing; where the path leads into a list, the list with that place changed."""
    if not steps:
        return value
    step, inner = steps[0], spot.inside(steps[0])
    if not isinstance(node, Items):
        below = node.fields.get(step) if isinstance(node, Fields) else None
        return Fields(spot, {step: _overlay(below, steps[1:], value, inner)}, {step: inner})
    index = _index(node, step, inner)
    item = node.items[index]
    changed = merge(item, _overlay(item, steps[1:], value, inner))
    kept = () if changed is None else (changed,)
    return Items(node.spot, (*node.items[:index], *kept, *node.items[index + 1 :]))


def _index(node: Items, step: str, spot: Spot) -> int:
    if step.isascii() and step.isdigit() and len(step) < 9 and int(step) < len(node.items):
        return int(step)
    raise Mistake(spot, f"{step!r} is no place in this list; count from 0 to {len(node.items) - 1}")
