"""What became of a request whose answer was lost: asked by its track_id, answered either way.

The hosted service has no such route; a server of this package has. An answer counts if it repeats the track_id. "Never
accepted" counts if it is final, which is when the server has withdrawn the name and so refuses what may come late, and if
its memory reaches back behind the moment at which the request was sent.
"""

from collections.abc import Mapping
from http import HTTPStatus

from runner.nouns import Concern, Queued, Ready, Refused
from runner.wire.replies import answer, refusal, settled

_NEVER = Refused(concern=Concern.LATER, message="the answer was lost, and the server never accepted the request")


# --- the client's direction ---------------------------------------------------------------------------------------


def question(track_id: str, *, key: str) -> dict[str, object]:
    """Return the JSON body that asks."""
    return {"track_id": track_id, "withdraw": "yes", "key": key}


def repeats(payload: object, track_id: str) -> bool:
    """Return whether an answer is about that request, and so comes from a server that knows the question."""
    return isinstance(payload, Mapping) and payload.get("track_id") == track_id


def named(payload: Mapping[str, object]) -> str:
    """Return the server's name of the request that an answer is about, or nothing."""
    promise = answer(HTTPStatus.OK, {}, {"status": "processing", "id": payload.get("id")}, now=0.0)
    return promise.remote_id if isinstance(promise, Queued) else ""


def found(
    status: int, headers: Mapping[str, str], payload: object, *, age: float, now: float
) -> Queued | Ready | Refused | None:
    """Return what became of a request by an answer that `repeats` its name; None when the server cannot know.

    Args:
        status: HTTP status.
        headers: HTTP headers.
        payload: the answer's JSON.
        age: seconds since the request was sent, or more.
        now: seconds since 1970.
    """
    if not isinstance(payload, Mapping):
        return None
    if status == HTTPStatus.NOT_FOUND:
        reach = payload.get("remembers")
        final = payload.get("withdrawn") == "yes"
        return _NEVER if final and isinstance(reach, int | float) and reach > age else None
    if status == HTTPStatus.GONE and (remote_id := named(payload)):
        return Queued(remote_id=remote_id)  # a fetch will say that it is forgotten
    reply = answer(status, headers, payload, now=now)
    match reply:
        case Ready() | Queued():
            return reply
        case Refused() if settled(payload):
            return reply
        case _:
            return None


# --- the server's direction ---------------------------------------------------------------------------------------


def never_accepted(track_id: str, *, remembers: float, withdrawn: bool) -> dict[str, object]:
    """Return the payload that says: under this name nothing was accepted; its HTTP status is 404.

    Args:
        track_id: the name.
        remembers: seconds back that this can be said for.
        withdrawn: whether what still comes under that name will be refused.
    """
    message = (
        f"track_id: nothing was accepted under this name in the {remembers:.0f} s that this server remembers; "
        "send it again under another track_id if it was sent since then"
    )
    return {
        **refusal(Refused(concern=Concern.CELL, message=message)),
        "track_id": track_id,
        "remembers": remembers,
        "withdrawn": "yes" if withdrawn else "no",
    }


def forgotten(track_id: str, number: int) -> dict[str, object]:
    """Return the payload that says: this was accepted, and is forgotten by now; its HTTP status is 410."""
    message = "track_id: the request was accepted and is forgotten by now, with its pictures"
    return {
        **refusal(Refused(concern=Concern.CELL, message=message), word="failed"),
        "track_id": track_id,
        "id": number,
    }
