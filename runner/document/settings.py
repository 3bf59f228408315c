"""What is said about the whole run: target, limits, price, execution, words."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from runner.document.complaints import AlreadyTold, Complaints, Mistake, closest
from runner.document.opening import shown
from runner.document.points import text_of
from runner.document.tree import Fields, Node, Scalar, Spot, is_null
from runner.nouns import METHODS, ORDERS, Address, Execution, Limits, Sample

Word = TypeVar("Word", bound=str)

IN_PROCESS = ("embedded", "sketch")

SECONDS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
"""Seconds in a unit, by the first letter of its name."""

PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([a-z]+)")
RATE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*/\s*([a-z]+)")


def address(node: Node | None) -> Address:
    """Return where requests go.

    Raises:
        Mistake: the address is none; AlreadyTold: it is unreadable.
    """
    match node:
        case None | Scalar(value=None):
            return Address()
        case Scalar():
            return Address(name=_name(node))
        case Fields() if "url" in node.fields:
            key = text_of(node.fields.get("key"))
            return Address(name=_url(node.fields["url"]), key=key)
        case Fields():
            return _embedded(node)
        case _:
            raise AlreadyTold


def _name(node: Scalar) -> str:
    if node.text in IN_PROCESS:
        return node.text
    if "://" in node.text:
        return _url(node)
    meant = closest(node.text, IN_PROCESS)
    advice = (
        f"did you mean {meant!r}?"
        if meant
        else "write embedded, sketch, or a URL such as https://host/api/v1/enterprise"
    )
    raise Mistake(node.spot, f"{node.text[:40]!r} is no target; {advice}")


def _url(node: Node) -> str:
    text = text_of(node)
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https") or re.search(r"\s", text):
        raise Mistake(node.spot, "this is no URL of an API; write one such as https://host/api/v1/enterprise")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise Mistake(
            node.spot,
            'a URL holds no password and no query; write the address alone, and key: "${env:NAME}" beside url',
        )
    return text.rstrip("/")


def _embedded(node: Fields) -> Address:
    if "key" in node.fields:
        raise Mistake(node.keys["key"], "the embedded server asks for no key; take it away, or write url")
    inner = node.fields["embedded"]
    folder = inner.fields.get("model_dir") if isinstance(inner, Fields) else inner
    if is_null(folder) or not isinstance(folder, Scalar):
        return Address()
    path = folder.spot.source.folder / folder.text
    if not _is_folder(path):
        raise Mistake(
            folder.spot, f"there is no folder {shown(path)}; give one that holds models in the diffusers format"
        )
    return Address(model_dir=str(path.resolve()))


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a name that the file system cannot have is no folder
        return False


def limits(node: Node | None, price: float | None, complaints: Complaints) -> Limits:
    """Return what the run may spend; a cost can be kept only where the price is known."""
    fields = node.fields if isinstance(node, Fields) else {}
    cost = _number(fields.get("cost"))
    if cost is not None and price is None:
        complaints.add(fields["cost"].spot, "a limit on cost needs a price; write price: {per_image: 0.0047}")
    return Limits(
        requests=_whole(fields.get("requests")),
        images=_whole(fields.get("images")),
        cost=cost,
        wall=_duration(fields.get("wall")),
        failures=_failures(fields.get("failures")),
    )


def _failures(node: Node | None) -> int | None:
    """Return the cells in a row that may fail: the usual number when nothing is said, any number (None) for 0."""
    said = _whole(node)
    return Limits().failures if said is None else said or None


def price(node: Node | None) -> float | None:
    """Return the price of one image, None when it is not said."""
    return _number(node.fields.get("per_image")) if isinstance(node, Fields) else None


def execution(node: Node | None) -> Execution:
    """Return how requests are sent."""
    fields = node.fields if isinstance(node, Fields) else {}
    usual = Execution()
    return Execution(
        concurrency=_whole(fields.get("concurrency")) or usual.concurrency,
        start=_whole(fields.get("start")),
        rate=_rate(fields.get("rate")),
        attempts=_whole(fields.get("attempts")) or usual.attempts,
        order=_one_of(ORDERS, fields.get("order")),
    )


def sample(node: Node | None) -> Sample | None:
    """Return how many combinations to take and how; None takes all."""
    fields = node.fields if isinstance(node, Fields) else {}
    count = _whole(fields.get("count"))
    if count is None:
        return None
    return Sample(
        count=count,
        method=_one_of(METHODS, fields.get("method")) or "sobol",
        seed=_whole(fields.get("seed")) or 0,
    )


def run_name(node: Node | None, pattern: str, start: Spot) -> str:
    """Return the run's name: as written, or the file's own.

    Args:
        node: what the document says.
        pattern: what a name may be.
        start: the document's beginning; its source is the file.

    Raises:
        Mistake: the file's own name cannot be the run's.
    """
    if not is_null(node):
        return text_of(node)
    own = Path(start.source.name.strip("<>")).stem
    if not re.search(pattern, own):
        raise Mistake(start.inside("name"), f"{own!r} cannot name a run's folder; add name: with a plain name")
    return own


def _one_of(words: Sequence[Word], node: Node | None) -> Word | None:
    """Return the word of a fixed set that a node says; None when it says none, or a complaint says why."""
    return next((word for word in words if isinstance(node, Scalar) and node.value == word), None)


def _number(node: Node | None) -> float | None:
    return node.value if isinstance(node, Scalar) and isinstance(node.value, int | float) else None


def _whole(node: Node | None) -> int | None:
    value = _number(node)
    return None if value is None else int(value)


def _duration(node: Node | None) -> float | None:
    """Return seconds: `90s`, `15 min`, `1h30m`, or a number of them."""
    if not isinstance(node, Scalar) or not isinstance(node.value, str):
        return _number(node)
    return sum(float(amount) * SECONDS[unit[0]] for amount, unit in PART.findall(node.value))


def _rate(node: Node | None) -> float | None:
    """Return requests a second: `60/min`, `2/s`, or a number for each second."""
    if not isinstance(node, Scalar) or not isinstance(node.value, str):
        return _number(node)
    return rate_of(node.value)


def rate_of(text: str) -> float | None:
    """Return requests a second of a text such as `60/min`, None if it is no rate."""
    found = RATE.fullmatch(text.strip())
    return float(found[1]) / SECONDS[found[2][0]] if found and found[2][0] in SECONDS else None
