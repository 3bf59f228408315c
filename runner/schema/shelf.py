"""The JSON Schemas that ship, read once."""

import json
from functools import cache
from typing import Any, cast

from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from runner.shipped import shipped


def schema_names() -> tuple[str, ...]:
    """Return the names of the schemas that ship, for `sweep schema`."""
    return tuple(sorted(path.name.removesuffix(".schema.json") for path in shipped("schemas").glob("*.schema.json")))


@cache
def bundled(name: str) -> dict[str, Any]:
    """Return a schema that stands alone: references to its neighbours are replaced by what they refer to.

    Raises:
        FileNotFoundError: no schema of that name ships.
    """
    return cast("dict[str, Any]", _resolve(_read(f"{name}.schema.json")))


def registry() -> Registry[Any]:
    """Return every shipped schema under its `$id`, for validators that follow references."""
    documents = [_read(f"{name}.schema.json") for name in schema_names()]
    resources = [(document["$id"], Resource.from_contents(document, DRAFT202012)) for document in documents]
    return Registry().with_resources(resources)


def _read(file: str) -> dict[str, Any]:
    return cast("dict[str, Any]", json.loads(shipped("schemas", file).read_text(encoding="utf-8")))


def _resolve(node: Any) -> Any:
    if isinstance(node, list):
        return [_resolve(item) for item in node]
    if not isinstance(node, dict):
        return node
    target, _, pointer = node.get("$ref", "").partition("#")
    if not target:
        return {key: _resolve(item) for key, item in node.items()}
    found: Any = _read(target)
    for part in pointer.strip("/").split("/"):
        found = found[part]
    beside = {key: item for key, item in node.items() if key != "$ref"}
    return {**_resolve(found), **_resolve(beside)}
