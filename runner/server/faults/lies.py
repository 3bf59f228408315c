"""What a lie makes of an answer: pure, from the true one to the false one."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from email.utils import formatdate
from random import Random
from typing import Literal, TypeAlias

from runner import wire
from runner.engine.pictures import encode_png, opened
from runner.errors import EngineError
from runner.nouns import Concern, Queued, Refused
from runner.server.faults.kinds import Act, BrokenImage, Expire, Hint, Html, NoImages, QueueFull, Refuse, WrongId

Payload: TypeAlias = Mapping[str, object]
How: TypeAlias = Literal["truncated", "corrupt", "empty", "html", "wrong_size"]

PAGE = b"<html><head><title>%d</title></head><body><h1>%d</h1><hr>proxy</body></html>\n"

WORDS: Mapping[int, str] = {
    400: "this request is not allowed",
    401: "Invalid API key",
    402: "You have run out of credits",
    403: "Your subscription does not include this endpoint",
    404: "no such image, or it is forgotten",
    408: "the request took too long to arrive; try again",
    410: "no such image, or it is forgotten",
    429: "You have reached the limit of queued requests; try again later",
    500: "Something went wrong; try again",
    503: "Service temporarily unavailable; try again",
}
"""What a refusal says when the file does not."""

FAILED = "the image could not be made"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One HTTP answer, whole."""

    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()

    def payload(self) -> Payload | None:
        """Return the JSON object that it holds, None when it holds none."""
        if not dict(self.headers).get(b"content-type", b"").startswith(b"application/json"):
            return None
        said = json.loads(self.body)
        return said if isinstance(said, dict) else None

    def saying(self, payload: Payload) -> "Answer":
        """Return the same answer with another JSON object in it."""
        return self.holding(json.dumps(payload).encode())

    def holding(self, body: bytes) -> "Answer":
        """Return the same answer with other bytes in it, and their number in its header."""
        kept = tuple((name, value) for name, value in self.headers if name != b"content-length")
        return replace(self, body=body, headers=(*kept, (b"content-length", b"%d" % len(body))))


def told_instead(answer: Answer, act: Act, chance: Random, *, is_image: bool) -> Answer | None:
    """Return what a fault makes of an answer; None where the answer has nothing that it could change.

    Args:
        answer: the app's.
        act: the fault.
        chance: for what the fault draws.
        is_image: whether a link was asked for, and not a route of the contract.
    """
    payload = answer.payload()
    match act:
        case Html():
            return page(act)
        case BrokenImage() if is_image:
            return answer.holding(broken(answer.body, act.how, chance)) if answer.status == 200 else None
        case BrokenImage():
            told = payload and with_broken_images(payload, act, chance)
        case NoImages():
            told = payload and without_images(payload)
        case WrongId():
            told = payload and misnamed(payload, chance)
        case _:
            return None
    return answer.saying(told) if told else None


def page(act: Html) -> Answer:
    """Return what a proxy says when it has no answer of the server's."""
    return Answer(status=act.status, body=b"", headers=((b"content-type", b"text/html"),)).holding(
        PAGE % (act.status, act.status)
    )


def no(act: Refuse | QueueFull | Expire, *, now: float) -> Answer:
    """Return a refusal in the contract's words; `now` in seconds since 1970, for a hint that is a date."""
    status = 429 if isinstance(act, QueueFull) else act.status
    wait = None if isinstance(act, Expire) else act.retry_after
    hint: Hint = "body" if isinstance(act, Expire) else act.hint
    message = (not isinstance(act, Expire) and act.message) or WORDS[status]
    refused = Refused(concern=Concern.LATER, message=message, retry_after=wait if hint == "body" else None)
    headers = [(b"content-type", b"application/json")]
    if wait is not None and hint != "body":
        said = f"{wait:g}" if hint == "header" else formatdate(now + wait, usegmt=True)
        headers.append((b"retry-after", said.encode()))
    return Answer(status=status, body=b"", headers=tuple(headers)).saying(wire.refusal(refused))


def is_accepted(payload: Payload | None) -> bool:
    """Return whether an answer takes a request in."""
    return payload is not None and payload.get("status") in ("success", "processing")


def number_of(payload: Payload | None) -> int | None:
    """Return the server's name of the request that an answer is about."""
    number = payload.get("id") if payload is not None else None
    return number if isinstance(number, int) else None


def promised(payload: Payload, *, eta: float) -> Payload:
    """Return the promise that stands for an answer whose images are there already."""
    number = str(payload["id"])
    meta = payload.get("meta")
    promise = wire.processing(Queued(remote_id=number, eta=eta), meta=meta if isinstance(meta, Mapping) else {})
    return promise | _named(payload)


def failed(payload: Payload, message: str) -> Payload:
    """Return the end of a request that comes to nothing, instead of an answer."""
    return wire.refusal(Refused(concern=Concern.CELL, message=message or FAILED), word="failed") | _named(payload)


def _named(payload: Payload) -> dict[str, object]:
    """Return the name by which its sender asked, if it did: an answer without it is not believed."""
    return {name: payload[name] for name in ("track_id",) if name in payload}


def without_images(payload: Payload) -> Payload | None:
    """Return a success that holds no image; None where the answer is no success."""
    return {**payload, "output": [], "proxy_links": []} if payload.get("status") == "success" else None


def misnamed(payload: Payload, chance: Random) -> Payload | None:
    """Return an answer about another request, which does not exist; None where the answer names none."""
    if number_of(payload) is None:
        return None
    number = chance.randrange(2**53)
    link = payload.get("fetch_result")
    moved = {"fetch_result": f"{str(link).rpartition('/')[0]}/{number}"} if link else {}
    return {**payload, "id": number, **moved}


def forged(payload: Payload, chance: Random) -> tuple[Payload, Payload]:
    """Return what someone else might tell a webhook: under a track_id that is none, and about a request that is none."""
    lure = {"status": "success", "output": ["http://127.0.0.1:9/forged.png"], "proxy_links": []}
    return {**payload, **lure, "track_id": f"forged-{chance.randrange(2**53)}"}, {
        **payload,
        **lure,
        "id": chance.randrange(2**53),
    }


def with_broken_images(payload: Payload, act: BrokenImage, chance: Random) -> Payload | None:
    """Return an answer whose base64 images are broken; None where it holds none."""
    outputs = payload.get("output")
    texts = [text for text in outputs if isinstance(text, str)] if isinstance(outputs, list) else []
    if payload.get("status") != "success" or not texts or any(map(wire.is_link, texts)):
        return None
    return {
        **payload,
        "output": [wire.encode_image(broken(wire.decode_image(text), act.how, chance)) for text in texts],
    }


def broken(image: bytes, how: How, chance: Random) -> bytes:
    """Return what is left of an image file."""
    match how:
        case "truncated":
            return image[: len(image) // 2]
        case "corrupt":
            return _corrupted(image, chance)
        case "empty":
            return b""
        case "html":
            return PAGE % (200, 200)
        case "wrong_size":
            return _halved(image)


def _corrupted(image: bytes, chance: Random) -> bytes:
    """Return an image with bytes changed in its second half, where the pixels are: each checksum then tells."""
    data = bytearray(image)
    for _ in range(8):
        data[chance.randrange(len(data) // 2, len(data) - 16)] ^= chance.randrange(1, 256)
    return bytes(data)


def _halved(image: bytes) -> bytes:
    try:
        picture = opened(image, "a picture")
    except EngineError:
        return image
    return encode_png(picture.resize((max(1, picture.width // 2), max(1, picture.height // 2))))
