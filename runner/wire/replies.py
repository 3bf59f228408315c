"""An answer becomes a Reply; a Reply becomes an answer.

2xx  success                              Ready
2xx  processing                           Queued
2xx  error, failed                        Refused: its message says what about (`runner.wire.words`)
400, 404 and other 4xx                    Refused: this cell
401, 402, 403, a redirect                 Refused: this run, unless it speaks of content
404, 405 without the contract's JSON      Refused: this run; the address is wrong
408, 429; 500, 503 … with its JSON        Refused: later
502, 504; 5xx or 2xx without its JSON     Unknown: it may have been accepted
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Literal, TypeAlias

from runner.nouns import Concern, Queued, Ready, Refused, Reply, Request, Unknown
from runner.wire.hints import retry_after, seconds
from runner.wire.requests import IMAGES
from runner.wire.words import about_content, about_crowding, concern_of

LONGEST_MESSAGE = 2000
"""Characters kept of a server's message."""

Word: TypeAlias = Literal["error", "failed"]
"""How a no is spelled: the request's own end is "failed" when it is fetched, anything else is an "error"."""

_REFUSING = ("error", "failed")
_PASSING = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}
_ACCOUNT = {HTTPStatus.UNAUTHORIZED, HTTPStatus.PAYMENT_REQUIRED, HTTPStatus.FORBIDDEN}
_NO_ROUTE = {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}
_IN_BETWEEN = {HTTPStatus.BAD_GATEWAY, HTTPStatus.GATEWAY_TIMEOUT}
_INTEGER = re.compile(r"0|[1-9]\d{0,15}", re.ASCII)
_URL = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_RENAMED = {"width": "W", "height": "H", "num_inference_steps": "steps", "samples": "n_samples"}
_UNECHOED = (*IMAGES, "webhook", "track_id")


# --- the client's direction ---------------------------------------------------------------------------------------


def answer(status: int, headers: Mapping[str, str], payload: object, *, now: float) -> Reply:
    """Return what an answer to a POST of an image route, or to a fetch, means.

    Args:
        status: HTTP status.
        headers: HTTP headers, by name in any case.
        payload: the body read as JSON, or as text where it is not JSON.
        now: seconds since 1970, for a Retry-After that is a date.
    """
    refused = objection(status, headers, payload, now=now)
    if refused is not None:
        return refused
    if isinstance(payload, Mapping):
        word, outputs = _word(payload), _links(payload, "output") or _links(payload, "proxy_links")
        if word == "success" and outputs:
            return _ready(payload, outputs)
        if word in ("success", "processing") and (remote_id := _identifier(payload)):
            fetch_result = str(payload.get("fetch_result") or "").strip()
            return Queued(
                remote_id=remote_id,
                eta=seconds(payload.get("eta")),
                fetch_result=fetch_result,
                future_links=_links(payload, "future_links"),
            )
    return Unknown(message=f"HTTP {status} with an answer that says neither yes nor no: {_shown(payload)}")


def objection(status: int, headers: Mapping[str, str], payload: object, *, now: float) -> Refused | Unknown | None:
    """Return the no that an answer of any route says, None when it says yes; arguments as in `answer`."""
    said = _said(payload)
    concern = _concern(status, payload, said)
    if concern is not None:
        message = said or f"HTTP {status} {_phrase(status)}"
        if no_such_route(status, payload) or 300 <= status < 400:
            message = (
                f"HTTP {status} {_phrase(status)}: nothing that knows the contract answers at this path; the target's "
                "URL ends before the route, as in https://host/api/v1/enterprise: correct it"
            )
        return Refused(
            concern=concern,
            message=message,
            status=status,
            retry_after=retry_after(headers, payload, now=now),
            crowded=status == HTTPStatus.TOO_MANY_REQUESTS or (status < 300 and about_crowding(said)),
        )
    if 200 <= status < 300 and isinstance(payload, Mapping | list):
        return None
    return Unknown(message=f"HTTP {status} {_phrase(status)} without a word of the contract: {_shown(payload)}")


def settled(payload: object) -> bool:
    """Return whether the answer to a fetch is the request's own end, and not a fault of this one fetch."""
    return _word(payload) in ("success", "failed")


def is_about(payload: Mapping[str, object], remote_id: str) -> bool:
    """Return whether an answer names the request that the server accepted under that name."""
    return _identifier(payload) == remote_id


def other(payload: object, remote_id: str) -> str:
    """Return the name in an answer if it is another than the server gave the request; empty where it names none."""
    said = _identifier(payload) if isinstance(payload, Mapping) else ""
    return "" if said == remote_id else said


def accepted(payload: object) -> bool:
    """Return whether an answer speaks the contract's language at all."""
    return _word(payload) in ("success", "processing", *_REFUSING)


def no_such_route(status: int, payload: object) -> bool:
    """Return whether nothing that knows the contract stands at that path."""
    return status in _NO_ROUTE and not accepted(payload)


# --- the server's direction ---------------------------------------------------------------------------------------


def success(ready: Ready, *, tip: str = "", webhook_status: str = "") -> dict[str, object]:
    """Return the payload of an answer that holds images; `webhook_status` says what became of telling the webhook."""
    return {
        "status": "success",
        "generationTime": ready.seconds,
        "id": _native(ready.remote_id),
        "output": list(ready.outputs),
        "proxy_links": [] if ready.encoded else list(ready.outputs),
        "nsfw_content_detected": ready.nsfw,
        "webhook_status": webhook_status,
        "meta": dict(ready.meta),
        "tip": tip,
    }


def processing(
    queued: Queued, *, meta: Mapping[str, object], future_links: Sequence[str] = (), tip: str = ""
) -> dict[str, object]:
    """Return the payload of an answer that promises images: the links will lead to them."""
    return {
        "status": "processing",
        "eta": queued.eta,
        "id": _native(queued.remote_id),
        "fetch_result": queued.fetch_result,
        "future_links": list(future_links),
        "output": [],
        "message": "accepted; POST to fetch_result for the images",
        "meta": dict(meta),
        "tip": tip,
    }


def refusal(refused: Refused, *, word: Word = "error") -> dict[str, object]:
    """Return the payload of a no; its HTTP status is `refused.status`.

    Args:
        refused: why.
        word: "failed" when a fetched request has come to that end, "error" otherwise.
    """
    hint = {} if refused.retry_after is None else {"retry_after": refused.retry_after}
    return {"status": word, "message": refused.message, **hint}


def told(payload: Mapping[str, object], *, remote_id: str, track_id: str) -> dict[str, object]:
    """Return what a webhook is sent: the answer, named as the server names it and as its sender does."""
    return {**payload, "id": _native(remote_id), "track_id": track_id}


def meta(request: Request, *, prompt: str, seed: int, not_applied: Sequence[str]) -> dict[str, object]:
    """Return what was used, in the service's names: `W`, `H`, `steps` and `n_samples` beside those of the body.

    Args:
        request: what was asked.
        prompt: as it went to the model, enhanced or not.
        seed: of the first image.
        not_applied: parameters asked for that had no effect.
    """
    used = {_RENAMED.get(name, name): value for name, value in request.parameters.items() if name not in _UNECHOED}
    return (
        {"negative_prompt": "", "scheduler": None}
        | used
        | {
            "prompt": prompt,
            "seed": seed,
            "not_applied": list(not_applied),
        }
    )


# --- judging ------------------------------------------------------------------------------------------------------


def _concern(status: int, payload: object, said: str) -> Concern | None:
    refuses = _word(payload) in _REFUSING
    if status in _PASSING or (status >= 500 and status not in _IN_BETWEEN and refuses):
        return Concern.LATER
    if status in _ACCOUNT:
        return Concern.CELL if about_content(said) else Concern.RUN
    if 300 <= status < 400 or no_such_route(status, payload):
        return Concern.RUN
    if 400 <= status < 500:
        return Concern.CELL
    if 200 <= status < 300 and refuses:
        return concern_of(said)
    return None


def _ready(payload: Mapping[str, object], outputs: tuple[str, ...]) -> Ready:
    meta = payload.get("meta")
    return Ready(
        remote_id=_identifier(payload),
        outputs=outputs,
        encoded=not _URL.match(outputs[0]),
        meta=meta if isinstance(meta, Mapping) else {},
        seconds=seconds(payload.get("generationTime")),
        nsfw=_hidden(payload.get("nsfw_content_detected")),
    )


def _word(payload: object) -> str:
    status = payload.get("status") if isinstance(payload, Mapping) else None
    return status.strip().lower() if isinstance(status, str) else ""


def _said(payload: object) -> str:
    """Return the message of an error, whichever way it is spelled and however deep it lies."""
    if not isinstance(payload, Mapping):
        return ""
    found = [payload[name] for name in ("message", "messege", "error", "errors") if payload.get(name)]
    return "; ".join(_leaves(found[0]))[:LONGEST_MESSAGE] if found else ""


def _leaves(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case Mapping():
            for item in value.values():
                yield from _leaves(item)
        case list():
            for item in value:
                yield from _leaves(item)
        case _:
            yield str(value)


def _identifier(payload: Mapping[str, object]) -> str:
    value = payload.get("id")
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int | str) and not isinstance(value, bool) and str(value).strip():
        return str(value)
    return str(payload.get("fetch_result") or "").strip().rstrip("/").rpartition("/")[2]


def _native(remote_id: str) -> int | str:
    exact = _INTEGER.fullmatch(remote_id) and int(remote_id) <= 2**53
    return int(remote_id) if exact else remote_id


def _links(payload: Mapping[str, object], name: str) -> tuple[str, ...]:
    return tuple(_outputs(payload.get(name)))


def _outputs(value: object) -> Iterator[str]:
    """Yield links and base64 texts in their order: one alone, a list, a list of lists, or objects that hold links."""
    match value:
        case str():
            if value.strip():
                yield value.strip()
        case list():
            for item in value:
                yield from _outputs(item)
        case Mapping():  # {"url": …, "seed": …}: of an object's texts, only a link is surely an image
            yield from (text for item in value.values() for text in _outputs(item) if _URL.match(text))


def _hidden(value: object) -> bool | None:
    """Return whether a picture was hidden; some servers answer with a list, one flag a picture."""
    flags = value if isinstance(value, list) else [value]
    known = [flag for flag in flags if isinstance(flag, bool)]
    return any(known) if known else None


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "(no standard status)"


def _shown(payload: object) -> str:
    text = str(payload)
    return repr(text if len(text) <= 200 else f"{text[:197]}...")
