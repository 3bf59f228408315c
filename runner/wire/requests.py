"""A Request becomes the JSON body that the service expects; a JSON body becomes a Request, or complaints."""

import base64
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from runner.nouns import ENDPOINTS, INPUT_SCHEME, Endpoint, Request, Value
from runner.schema import EndpointSchema, endpoint_schema

BASES = ("/api/v1/enterprise", "/api/v1/enterprise/images", "/api/v6", "/api/v6/images")
"""Where the routes stand: the enterprise service's and its public twin's. The service's own Python client uses the ones
that end in `images`."""

HOUSEKEEPING = (
    *("schedulers_list", "get_all_models", "verify_model", "system_details", "clear_queue", "clear_cache"),
    *("restart_server", "load_model", "load_vae", "delete_model", "upload_image"),
)
"""Routes that make no picture."""

FIND = "fetch_by_track_id"
"""The route that says what became of a request whose answer was lost."""

ROUTES: Mapping[str, tuple[str, ...]] = {
    **{name: tuple(f"{base}/{name}" for base in BASES) for name in (*ENDPOINTS, *HOUSEKEEPING, FIND)},
    "fetch": tuple(f"{base}/fetch{tail}" for base in BASES for tail in ("", "/{request_id}")),
}
"""Every path of each route. A result is fetched with `request_id` in the body or at the end of the path."""

IMAGES = ("init_image", "mask_image")
"""Parameters that hold an image: a link, base64 text, or in a Request the digest of a local file."""

MOST_COMPLAINTS = 20
LONGEST_NAME = 64

_LINK = re.compile(r"https?://", re.IGNORECASE)
_DATA_URI = re.compile(r"data:[\w/+.-]*;base64,", re.IGNORECASE)
_PLAIN_ID = re.compile(r"[A-Za-z0-9_-]+")


# --- the client's direction ---------------------------------------------------------------------------------------


def body(request: Request, *, key: str, load: Callable[[str], bytes]) -> dict[str, object]:
    """Return the JSON body of a request. It is the one thing that holds the key: it is sent, and never shown.

    A local image (`sha256:<hex>`) is sent as base64 text, and then `base64` is "yes", as the contract asks.

    Args:
        request: what to ask for; `repeat` is this side's own and is not sent.
        key: the key itself, or empty.
        load: returns the bytes of a local image by its SHA-256.
    """
    fields: dict[str, object] = dict(request.parameters)
    for name in IMAGES:
        value = fields.get(name)
        if isinstance(value, str) and value.startswith(INPUT_SCHEME):
            fields[name] = encode_image(load(value.removeprefix(INPUT_SCHEME)))
            fields["base64"] = "yes"
    return {**fields, "key": key}


def fetch_paths(remote_id: str) -> tuple[str, ...]:
    """Return the paths that may know a queued request, relative to the base; the body names it in either case."""
    return (f"fetch/{remote_id}", "fetch") if _PLAIN_ID.fullmatch(remote_id) else ("fetch",)


# --- the server's direction ---------------------------------------------------------------------------------------


def ask(endpoint: Endpoint, body: object) -> Request | list[str]:
    """Return what a JSON body asks for, defaults written out; or every complaint, in the service's own words.

    Values are taken however they are spelled ("512" for 512, true for "yes"). A null is the same as leaving the
    parameter out. `seed` is always in the result: None where the server is to draw one.
    """
    if not isinstance(body, Mapping):
        return ["the body must be a JSON object"]
    schema = _schema(endpoint)
    given = {str(name): value for name, value in body.items() if name != "key" and value is not None}
    missing = [name for name in schema.required if given.get(name, "") == ""]
    complaints = {name: f"{name} is required" for name in missing}
    spelled: dict[str, Value] = {}
    for name, value in given.items():
        if len(complaints) > MOST_COMPLAINTS:
            break
        if name not in complaints:
            try:
                spelled[name] = _spelled(schema, name, value)
            except ValueError as error:
                complaints[name] = str(error)
    parameters = {**schema.defaults, **spelled}
    broken = [misfit.message for misfit in schema.misfits(parameters) if not complaints.keys() & {*misfit.names}]
    return [*complaints.values(), *broken] or Request(
        endpoint=endpoint, parameters={"seed": None, **_nulls(schema, body), **parameters}
    )


def is_link(text: str) -> bool:
    """Return whether text is an http or https link."""
    return _LINK.match(text) is not None


def encode_image(data: bytes) -> str:
    """Return bytes as base64 text."""
    return base64.b64encode(data).decode("ascii")


def decode_image(text: str) -> bytes:
    """Return the bytes of base64 text, with or without `data:image/png;base64,` before it.

    Raises:
        ValueError: the text is not base64, or holds nothing.
    """
    bare = "".join(_DATA_URI.sub("", text, count=1).split())
    data = base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    if not data:
        raise ValueError("the base64 text is empty")
    return data


def _schema(endpoint: Endpoint) -> EndpointSchema:
    """Return the endpoint's schema without what earlier checks remember: a server must not keep every prompt it saw."""
    shared = endpoint_schema(endpoint)
    return EndpointSchema(name=shared.name, properties=shared.properties, required=shared.required, rules=shared.rules)


def _nulls(schema: EndpointSchema, body: Mapping[object, object]) -> dict[str, Value]:
    """Return the parameters that a body leaves to the server in so many words, where the schema knows null."""
    return {
        name: None
        for name, declared in schema.properties.items()
        if name in body and body[name] is None and "null" in declared.get("type", ())
    }


def _spelled(schema: EndpointSchema, name: str, value: object) -> Value:
    """Return a parameter's canonical value. Raises ValueError with the complaint."""
    if name not in schema.properties:
        raise ValueError(schema.unknown(name[:LONGEST_NAME]))
    declared = schema.properties[name]
    try:
        spelled = schema.spell(name, value)
    except (ValueError, OverflowError) as error:  # a number of thousands of digits
        raise ValueError(_out_of_bounds(declared, name, math.inf) or f"{name}: {error}") from error
    if isinstance(spelled, str) and not _is_unicode(spelled):
        raise ValueError(f"{name}: not valid Unicode text; send text without lone surrogates")
    message = schema.misfit(name, spelled)
    if message is not None or spelled != spelled:  # noqa: PLR0124 - NaN is the one value that differs from itself
        raise ValueError(_out_of_bounds(declared, name, spelled) or f"{name}: {message}")
    return spelled


def _out_of_bounds(declared: Mapping[str, Any], name: str, value: object) -> str:
    """Return the service's own words for a number that its page documents a complaint for, or nothing."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if "minimum" in declared and "maximum" in declared:
        low, high = declared["minimum"], declared["maximum"]
        if not (is_number and low <= value <= high):
            return f"{name} must be between {low} and {high}"
    if "multipleOf" in declared and is_number:
        return f"{name} must be divisible by {declared['multipleOf']}"
    return ""


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
