"""The attributes and the schedulers of the endpoint as Markdown tables, for the documents and for whoever asks."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from runner.nouns import ENDPOINTS, Endpoint
from runner.schema.shelf import bundled


def attribute_table() -> str:
    """Return every body attribute: where it can be sent, what it may be, what it does on this project's server."""
    bodies = {endpoint: bundled(endpoint)["properties"] for endpoint in ENDPOINTS}
    rows = [
        (f"`{name}`", _endpoints(name, bodies), _allowed(schema), _default(schema), schema["x-effect"])
        for name, schema in bundled("parameters")["$defs"].items()
    ]
    return "\n".join(_table(("attribute", "endpoints", "values", "default", "effect on this server"), rows))


def scheduler_table() -> str:
    """Return the 18 schedulers: what each is, and what a request can expect of it."""
    found: Mapping[str, Mapping[str, Any]] = bundled("parameters")["$defs"]["scheduler"]["x-schedulers"]
    rows = [
        (
            f"`{name}`",
            said["is"],
            said["source"],
            _yes(said["karras"]),
            str(said["calls"]),
            _yes(said["stochastic"]),
            said["note"],
        )
        for name, said in found.items()
    ]
    return "\n".join(_table(("scheduler", "is", "source", "Karras sigmas", "calls a step", "stochastic", ""), rows))


def _endpoints(name: str, bodies: Mapping[Endpoint, Mapping[str, object]]) -> str:
    having = [endpoint for endpoint, body in bodies.items() if name in body]
    return "all" if len(having) == len(bodies) else ", ".join(having)


def _allowed(schema: Mapping[str, Any]) -> str:
    if "x-schedulers" in schema:
        return "18 names, below"
    if "enum" in schema:
        return ", ".join(f"`{option}`" for option in schema["enum"])
    if "minimum" in schema:
        step = f", in steps of {schema['multipleOf']}" if "multipleOf" in schema else ""
        null = ", or null" if "null" in schema["type"] else ""
        return f"{schema['minimum']} to {schema['maximum']}{step}{null}"
    most = f", at most {schema['maxLength']} characters" if "maxLength" in schema else ""
    return f"{schema.get('x-allowed', 'an image' if schema.get('x-kind') == 'image' else 'text')}{most}"


def _default(schema: Mapping[str, Any]) -> str:
    return f"`{schema['default']}`" if schema.get("default") is not None else ""


def _yes(said: object) -> str:
    return "yes" if said else ""


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
