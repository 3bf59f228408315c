"""One value of the document becomes what the endpoint takes: spelled, checked, a template, or a local image's digest."""

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from runner.canon import digest_bytes
from runner.document.complaints import AlreadyTold, Mistake, closest, in_yaml
from runner.document.opening import open_bytes, shown
from runner.document.templates import Usage, is_template
from runner.document.tree import Fields, Items, Node, Scalar, Spot, Unreadable
from runner.errors import ImageError
from runner.nouns import ENDPOINTS, INPUT_SCHEME, Template, Value
from runner.schema import LISTS, EndpointSchema, endpoint_schema
from runner.vault import decode

Kind = Literal["parameter", "variable"]

BIGGEST_IMAGE = 20 * 1024 * 1024
"""Bytes of an initial image or mask."""

RANDOM_SEED = "write axes: {seed: {random: 4}} for seeds that the server draws"


class Values:
    """Reads values for one endpoint.

    Attributes:
        schema: the endpoint.
        usage: which template variables exist.
        inputs: local images met so far: path by SHA-256.
    """

    def __init__(self, schema: EndpointSchema, usage: Usage) -> None:
        self.schema = schema
        self.usage = usage
        self.inputs: dict[str, str] = {}
        self._digests: dict[Path, str] = {}

    def kind(self, name: str) -> Kind | None:
        """Return what a name stands for; None when it is neither a parameter nor used by a template."""
        if name in self.schema.properties:
            return "parameter"
        return "variable" if name in self.usage.names or not self.usage.whole else None

    def unknown(self, name: str) -> str:
        """Say that a name is no parameter, and which one was probably meant."""
        elsewhere = [other for other in ENDPOINTS if name in endpoint_schema(other).properties]
        if elsewhere:
            endpoints = " and ".join(elsewhere)
            return f"{name!r} is a parameter of {endpoints}, not of {self.schema.name}; change endpoint or take it away"
        if name == "key":
            return 'the key is no parameter; write target: {url: https://…, key: "${env:NAME}"}'
        meant = self.meant(name, self.schema.properties)
        if meant is None:
            return self.schema.unknown(name)
        return f"{name!r} is no parameter of {self.schema.name}; did you mean {meant!r}?"

    def unused(self, name: str) -> str:
        """Say that a name is neither a parameter nor a variable, and which one was probably meant."""
        if any(name in endpoint_schema(other).properties for other in ENDPOINTS):
            return self.unknown(name)
        meant = self.meant(name, [*sorted(self.usage.names), *self.schema.properties])
        advice = f"did you mean {meant!r}?" if meant else "use it in the prompt, or name a parameter"
        return f"{name!r} is no parameter of {self.schema.name}, and no template uses {{{{ {name} }}}}; {advice}"

    def meant(self, name: str, known: Iterable[str]) -> str | None:
        """Return the known name that a misspelt one means; another endpoint's parameter is not misspelt."""
        if any(name in endpoint_schema(other).properties for other in ENDPOINTS):
            return None
        return closest(name, known)

    def parameter(self, name: str, node: Node) -> Value | Template:
        """Return a parameter's canonical value, or the template that will become it.

        Raises:
            Mistake: the endpoint would refuse it.
            AlreadyTold: the node is unreadable.
        """
        match node:
            case Scalar(value=str(text)) if is_template(text):
                return self._template(name, node)
            case Scalar():
                return self.checked(name, self._meant(name, node), node.spot)
            case Items() if name in LISTS:
                return self._listed(name, node)
            case Unreadable():
                raise AlreadyTold
            case _:
                found = "a list" if isinstance(node, Items) else "a mapping"
                raise Mistake(node.spot, f"{found} is not a value of {name}; write one value, or an axis {name}")

    def checked(self, name: str, value: object, spot: Spot) -> Value:
        """Return the canonical spelling of a plain value.

        Args:
            name: a parameter of the endpoint.
            value: what was written.
            spot: where.

        Raises:
            Mistake: the endpoint would refuse it.
        """
        if name == "seed" and value is None:
            raise Mistake(spot, f"null lets the server draw the seed, and that is asked for on purpose: {RANDOM_SEED}")
        if self.is_image(name) and isinstance(value, str):
            return self._image(value, spot)
        canonical = self.schema.spell(name, value)
        if message := self.schema.misfit(name, canonical):
            advice = f"; {RANDOM_SEED}" if name == "seed" and canonical == -1 else ""
            raise Mistake(spot, in_yaml(message, canonical) + advice)
        return canonical

    def variable(self, name: str, node: Node) -> str:
        """Return the text of a template variable's value, as written.

        Raises:
            Mistake: it is no text, or holds places to fill, which nothing fills.
            AlreadyTold: the node is unreadable.
        """
        place = f"{{{{ {name} }}}}"
        match node:
            case Unreadable():
                raise AlreadyTold
            case Scalar(value=None):
                raise Mistake(node.spot, f'null is no text for {place}; write "" for an empty one')
            case Scalar(value=str(text)) if is_template(text):
                raise Mistake(node.spot, f"a value of {place} is text and is not filled itself; write it out")
            case Scalar():
                return node.text
            case _:
                found = "a mapping" if isinstance(node, Fields) else "a list"
                raise Mistake(node.spot, f"{found} is no text for {place}; write one value")

    def is_image(self, name: str) -> bool:
        """Return whether a parameter is an image: a link, or a file beside the document."""
        return self.schema.properties.get(name, {}).get("x-kind") == "image"

    def _template(self, name: str, node: Scalar) -> Template:
        if self.is_image(name) and not _is_link(node.text):
            raise Mistake(node.spot, f"a path has no places to fill; write an axis, {name}: [first.png, second.png]")
        return Template(node.text)

    def _meant(self, name: str, node: Scalar) -> object:
        """Return a number as it was written where the endpoint wants text: version 1.10 is not 1.1."""
        kinds = self.schema.properties[name].get("type", ())
        wants_text = name not in LISTS and "string" in ([kinds] if isinstance(kinds, str) else kinds)
        is_number = isinstance(node.value, int | float) and not isinstance(node.value, bool)
        return node.text if wants_text and is_number else node.value

    def _listed(self, name: str, node: Items) -> Value | Template:
        items = [self._item(name, item) for item in node.items]
        if any(is_template(item) for item in items):
            return Template(",".join(map(str, items)))
        return self.checked(name, items, node.spot)

    def _item(self, name: str, item: Node) -> str | int | float:
        match item:
            case Scalar(value=str() | int() | float() as value) if not isinstance(value, bool):
                return value
            case Unreadable():
                raise AlreadyTold
            case _:
                raise Mistake(item.spot, f"{name} lists names or numbers; write one here")

    def _image(self, text: str, spot: Spot) -> str:
        if _is_link(text):
            return text
        if not text:
            raise Mistake(spot, "an empty text is no image; write a link or a path")
        path = spot.source.folder / text
        if path not in self._digests:
            self._digests[path] = _digest_of_image(path, spot)
        self.inputs[self._digests[path]] = str(path.resolve())
        return INPUT_SCHEME + self._digests[path]


def _digest_of_image(path: Path, spot: Spot) -> str:
    data = open_bytes(path, BIGGEST_IMAGE, spot)
    try:
        decode(data)
    except ImageError as error:
        raise Mistake(spot, f"{shown(path)} is not a whole PNG, JPEG or WebP image; save it again as one") from error
    return digest_bytes(data)


def _is_link(text: str) -> bool:
    return text.lower().startswith(("http://", "https://"))
