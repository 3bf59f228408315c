"""Whether a tree has the shape that `schemas/experiment.schema.json` draws, or another schema that ships.

A misspelt key is complained of once and then read as the key that it very likely means, so that what it holds is checked
too and nothing is called missing. Whatever else does not fit is made `Unreadable`, and later stages step around it.
Values of parameters are the endpoint's business (`values`), their errors are left out here.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, TypeAlias

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import extend

from runner.document.complaints import Complaints, closest, in_yaml
from runner.document.tree import Fields, Items, Node, Scalar, Unreadable, plain, replaced
from runner.schema import bundled, describe

Path: TypeAlias = tuple[str | int, ...]
"""Keys and indices from the root."""

WRONG_KIND = ("type", "not")
"""Keywords that refuse a part as a whole."""

ABOUT_KEYS = ("required", "oneOf", "not", "minProperties", "dependentRequired")
"""Keywords that a mapping can break because an unknown key was taken out of it."""

KEY_ADVICE = "write ${env:NAME} with the name of an environment variable; a key itself never stands in a file"


def conform(tree: Fields, complaints: Complaints, *, schema: str = "experiment") -> Fields:
    """Return the tree with every part that does not fit a shipped schema complained of and made harmless."""
    found = _errors(tree, schema)
    robbed: set[Path] = set()
    while unknown := [error for error in found if error.validator == "additionalProperties"]:
        for error in unknown:
            tree = _without_unknown(tree, error, complaints, robbed)
        found = _errors(tree, schema)
    for path, error in _first_of_each_path(found).items():
        node = _node(tree, path)
        if path not in robbed or error.validator not in ABOUT_KEYS:
            complaints.add(node.spot, _message(error, path))
        tree = _fields(replaced(tree, path, _meant(node, error))) if path else tree
    return tree


def _meant(node: Node, error: ValidationError) -> Node:
    """Return the word that a misspelt one of a fixed set means, else a node that later stages step around."""
    if error.validator == "enum" and isinstance(node, Scalar) and isinstance(node.value, str):
        options: Any = error.validator_value
        word = closest(node.value, [option for option in options if isinstance(option, str)])
        if word is not None:
            return Scalar(node.spot, word, word)
    return Unreadable(node.spot)


def _errors(tree: Fields, schema: str) -> list[ValidationError]:
    return [error for error in _validator(schema).iter_errors(plain(tree)) if _concerns(tree, error)]


def _concerns(tree: Fields, error: ValidationError) -> bool:
    path = tuple(error.absolute_path)
    if error.validator == "additionalProperties":
        return path[0] != "parameters"
    schema = error.schema if isinstance(error.schema, Mapping) else {}
    if "x-value-of" in schema or "propertyNames" in error.absolute_schema_path:
        return False
    return not isinstance(_node(tree, path), Unreadable)


def _without_unknown(tree: Fields, error: ValidationError, complaints: Complaints, robbed: set[Path]) -> Fields:
    """Return the tree with an unknown key renamed or dropped; where it is dropped, `robbed` gets its mapping's path."""
    *outer, key = error.absolute_path
    parent = _node(tree, tuple(outer))
    if not isinstance(parent, Fields) or not isinstance(key, str) or key not in parent.fields:
        return tree
    known: Any = error.validator_value
    meant = closest(key, known)
    advice = f"did you mean {meant!r}?" if meant else f"known are {', '.join(known)}"
    complaints.add(parent.keys[key], f"unknown key {key!r}; {advice}")
    if meant is None or meant in parent.fields:
        robbed.add(tuple(outer))
        return _fields(replaced(tree, tuple(outer), parent.without(key)))
    return _fields(replaced(tree, tuple(outer), parent.renamed(key, meant)))


def _first_of_each_path(errors: Sequence[ValidationError]) -> dict[Path, ValidationError]:
    """Return one error for each path, and none inside a part that is of the wrong kind altogether."""
    first: dict[Path, ValidationError] = {}
    for error in errors:
        first.setdefault(tuple(error.absolute_path), error)
    wrong = {path for path, error in first.items() if error.validator in WRONG_KIND}
    return {
        path: error
        for path, error in sorted(first.items(), key=lambda item: -len(item[0]))
        if not any(path[:length] in wrong for length in range(len(path)))
    }


def _node(tree: Node, path: Path) -> Node:
    """Return the node at a path, or the unreadable one on the way there."""
    for step in path:
        match tree:
            case Fields() if isinstance(step, str):
                tree = tree.fields[step]
            case Items() if isinstance(step, int):
                tree = tree.items[step]
            case _:
                return tree
    return tree


def _fields(node: Node) -> Fields:
    assert isinstance(node, Fields), "a document stays a mapping"  # noqa: S101  # narrows the type of a replaced root
    return node


def _message(error: ValidationError, path: Path) -> str:
    if path == ("target", "key"):
        return KEY_ADVICE
    schema = error.schema if isinstance(error.schema, Mapping) else {}
    words = schema.get("x-messages", {})
    if error.validator in words:
        return str(words[error.validator])
    if error.validator in ("type", "enum") and isinstance(error.validator_value, list):
        error.validator_value = [option for option in error.validator_value if option not in ("null", None)]
    return in_yaml(describe(error), error.instance)


def _required(_: Any, names: Sequence[str], found: Any, __: Any) -> Iterator[ValidationError]:
    missing = [name for name in names if isinstance(found, dict) and name not in found]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        yield ValidationError(f"{' and '.join(missing)} {verb} missing; add {'it' if len(missing) == 1 else 'them'}")


def _only_known(validator: Any, known: Any, found: Any, schema: Mapping[str, Any]) -> Iterator[ValidationError]:
    """Check `additionalProperties`, one error for each unknown key; its `validator_value` lists what is known."""
    if not isinstance(found, dict):
        return
    names = schema.get("properties", {})
    for key, value in found.items():
        if key in names:
            continue
        if known is False:
            yield ValidationError("unknown key", path=[key], validator_value=list(names))
        else:
            yield from validator.descend(value, known, path=key)


@cache
def _validator(schema: str) -> Draft202012Validator:
    worded = extend(Draft202012Validator, {"required": _required, "additionalProperties": _only_known})  # type: ignore[no-untyped-call]  # the stubs leave `extend` untyped
    return worded(bundled(schema))  # type: ignore[no-any-return]  # `extend` returns a class that they call Any
