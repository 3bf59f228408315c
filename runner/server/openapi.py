"""The server's description in OpenAPI 3.1, made from the JSON Schemas that check requests.

The schemas say each value in its canonical spelling, and requests may spell it otherwise: a number as text, yes as true.
The description says what is accepted, for a client made from it must not be stricter than the server.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any, TypeAlias

from runner import wire
from runner.nouns import ENDPOINTS
from runner.schema import bundled, endpoint_schema
from runner.schema.spelling import LISTS

Node: TypeAlias = dict[str, Any]

TEXT: Node = {"type": "string"}
WORD: Node = {"type": "string", "minLength": 1}
KEY: Node = {
    "description": "The text that the server was started with; anything where it was started without a key.",
}

HOUSE: Mapping[str, tuple[str, Node, tuple[str, ...]]] = {
    "schedulers_list": ("The names of the schedulers.", {}, ()),
    "get_all_models": ("The models and the digests of their files.", {}, ()),
    "verify_model": ("Whether a model is there.", {"model_id": WORD}, ("model_id",)),
    "system_details": ("What serves here, and how busy it is.", {}, ()),
    "clear_queue": ("Refuse what waits; what is being made is finished.", {}, ()),
    "clear_cache": ("Forget finished requests, their pictures, and uploads.", {}, ()),
    "restart_server": ("Load models anew; what waits keeps its place.", {}, ()),
    "load_model": (
        "Add a model from a folder, or, without `url`, bring a known one into memory.",
        {"model_id": WORD, "url": WORD},
        ("model_id",),
    ),
    "load_vae": (
        "Add a VAE from a folder, for every model.",
        {"vae_id": WORD, "url": WORD, "vae_type": {"const": "diffusers"}},
        ("vae_id", "url"),
    ),
    "delete_model": ("Remove a model that load_model added.", {"model_id": WORD}, ("model_id",)),
    "upload_image": (
        "Keep a picture in memory, and answer with a link that init_image and mask_image take.",
        {"base64_image": WORD, "image_type": TEXT},
        ("base64_image",),
    ),
}
"""What each housekeeping route does, what its body may hold beside the key, and what it must."""

REFUSALS: Mapping[str, str] = {
    "400": "A request that fails however often it is sent; the message has every complaint.",
    "401": "Another key than the server's.",
    "404": "Fetch: a request that was never made here, or is forgotten. By track_id: one that was never accepted.",
    "408": "The body did not arrive in time.",
    "409": "The request's track_id was withdrawn before it came.",
    "410": "By track_id: the request was accepted, and is forgotten.",
    "413": "The body is too large.",
    "429": "The queue is full; `retry_after` says how long.",
    "500": "A fault of the server, which it has logged.",
    "503": "The server stops, or the queue was cleared.",
}


@cache
def description() -> Node:
    """Return the document that `/openapi.json` answers with."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "sweeprunner's image endpoint",
            "version": "1",
            "description": (
                "The hosted service's contract over an engine of one's own. Every route answers alike under "
                f"{', '.join(wire.BASES)}."
            ),
        },
        "paths": {
            **{f"{wire.BASES[0]}/{name}": _post(_generation(name), "Reply") for name in ENDPOINTS},
            f"{wire.BASES[0]}/fetch": _post(_fetch(), "Reply"),
            f"{wire.BASES[0]}/fetch/{{request_id}}": _fetch_by_path(),
            f"{wire.BASES[0]}/{wire.FIND}": _post(_find(), "Reply"),
            **{f"{wire.BASES[0]}/{name}": _post(_house(name), "Done") for name in wire.HOUSEKEEPING},
            "/images/{name}.png": {"get": _image()},
        },
        "components": {"schemas": _answers()},
    }


def _generation(name: Any) -> Node:
    schema = endpoint_schema(name)
    properties = {name: _accepted(name, declared) for name, declared in schema.properties.items()}
    return {
        "operationId": name,
        "summary": bundled(name)["title"],
        "schema": _body(properties, schema.required, closed=True),
    }


def _accepted(name: str, declared: Mapping[str, Any]) -> Node:
    """Return a parameter's schema with the spellings that requests may use beside the canonical one."""
    plain: Node = {key: value for key, value in declared.items() if not key.startswith("x-")}
    words: Node = {key: plain.pop(key) for key in ("title", "description") if key in plain}
    others: list[Node] = []
    if plain.get("enum") == ["yes", "no"]:
        others = [{"type": "boolean"}, {"enum": ["on", "off", "true", "false"]}]
    elif name in LISTS:
        others = [{"type": "array", "items": {"type": ["string", "number"]}}, {"type": "number"}]
    elif "minimum" in plain or all(isinstance(option, int) for option in plain.get("enum", [""])):
        others = [{"type": "string", "pattern": "^[0-9]+(\\.[0-9]+)?$"}]
    return {**words, "anyOf": [plain, *others]} if others else {**words, **plain}


def _house(name: str) -> Node:
    summary, properties, required = HOUSE[name]
    return {"operationId": name, "summary": summary, "schema": _body(properties, required)}


def _fetch() -> Node:
    said = {"request_id": {"type": ["integer", "string"]}}
    return {"operationId": "fetch", "summary": "What has become of a request.", "schema": _body(said, ("request_id",))}


def _find() -> Node:
    said = {"track_id": WORD, "withdraw": {"enum": ["yes", "no"], "default": "no"}}
    return {
        "operationId": wire.FIND,
        "summary": (
            "What has become of a request whose answer was lost, by the track_id that it was sent with. Where nothing was "
            "accepted under that name, `remembers` says for how many seconds back that holds; with `withdraw: yes` it "
            "also holds from now on, because the name is refused."
        ),
        "schema": _body(said, ("track_id",)),
    }


def _fetch_by_path() -> Node:
    item = _post({"operationId": "fetch_by_path", "summary": "The same.", "schema": _body({}, ())}, "Reply")
    return {"parameters": [_in_path("request_id", TEXT)], **item}


def _body(properties: Mapping[str, Any], required: tuple[str, ...], *, closed: bool = False) -> Node:
    whole = {"type": "object", "properties": {"key": KEY, **properties}, "required": list(required)}
    return {**whole, "additionalProperties": False} if closed else whole


def _post(route: Node, answer: str) -> Node:
    return {
        "post": {
            "operationId": route["operationId"],
            "summary": route["summary"],
            "requestBody": {"required": True, "content": _json(route["schema"])},
            "responses": {
                "200": {"description": "The answer.", "content": _json(_reference(answer))},
                **{
                    status: {"description": why, "content": _json(_reference("No"))} for status, why in REFUSALS.items()
                },
            },
        }
    }


def _image() -> Node:
    return {
        "operationId": "image",
        "summary": "A picture that was made here, or uploaded.",
        "parameters": [_in_path("name", WORD)],
        "responses": {
            "200": {"description": "The picture.", "content": {"image/png": {}}},
            "404": {"description": "It is not made yet.", "content": _json(_reference("No"))},
            "410": {"description": "There is none, or it is forgotten.", "content": _json(_reference("No"))},
        },
    }


def _answers() -> Node:
    links = {"type": "array", "items": TEXT}
    common = {"id": {"type": "integer"}, "meta": {"type": "object"}, "tip": TEXT, "output": links}
    success = {
        "status": {"const": "success"},
        "generationTime": {"type": "number", "description": "seconds"},
        "proxy_links": links,
        "nsfw_content_detected": {"type": ["boolean", "null"]},
        "webhook_status": TEXT,
    }
    processing = {
        "status": {"const": "processing"},
        "eta": {"type": "number", "description": "seconds"},
        "fetch_result": TEXT,
        "future_links": links,
        "message": TEXT,
    }
    no = {
        "status": {"enum": ["error", "failed"]},
        "message": TEXT,
        "retry_after": {"type": "number"},
        "track_id": TEXT,
        "remembers": {"type": "number", "description": "seconds"},
        "withdrawn": {"enum": ["yes", "no"]},
    }
    return {
        "Success": _object(success | common),
        "Processing": _object(processing | common),
        "Reply": {"oneOf": [_reference("Success"), _reference("Processing")]},
        "Done": {"type": "object", "properties": {"status": {"const": "success"}}, "required": ["status"]},
        "No": {"type": "object", "properties": no, "required": ["status", "message"]},
    }


def _object(properties: Node) -> Node:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _in_path(name: str, schema: Node) -> Node:
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _reference(name: str) -> Node:
    return {"$ref": f"#/components/schemas/{name}"}


def _json(schema: Node) -> Node:
    return {"application/json": {"schema": schema}}
