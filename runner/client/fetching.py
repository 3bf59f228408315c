"""What was accepted is fetched until the server says how it ended, or its webhook does."""

from http import HTTPStatus
from itertools import count

import httpx

from runner import wire
from runner.client.links import UNREADABLE
from runner.client.mailbox import Mailbox
from runner.client.patience import WithheldError
from runner.client.talking import Heard, Talk
from runner.nouns import Concern, Queued, Ready, Refused, Reply, Unknown

EMPTY_ANSWERS = 3
"""How often a fetch may say success without an image before the links that were promised are tried."""


async def fetch(talk: Talk, queued: Queued) -> tuple[Reply, bool]:
    """Return what a fetch says, and whether that is the request's own end. The end of another one says nothing."""
    fields = {"request_id": queued.remote_id, "key": talk.key}
    answer = await talk.ask([(path, fields) for path in _paths(talk, queued)])
    if not (isinstance(answer, Heard) and wire.settled(answer.payload)):
        return talk.judge(answer), False
    if other := wire.other(answer.payload, queued.remote_id):
        return Unknown(message=f"the target answers with request {other} when asked for {queued.remote_id}"), False
    return talk.judge(answer), True


async def wait(
    talk: Talk, mailbox: Mailbox | None, queued: Queued, deadline: float
) -> Ready | Refused | Unknown | Queued:
    """Fetch until it is over, see `Client.wait`. Raises WithheldError."""
    pause, links, empty = _after(talk, queued.eta, 0), queued.future_links, 0
    for polls in count(1):
        left = max(0.0, min(pause, deadline - talk.clock.elapsed()))
        told = await _told(talk, mailbox, queued, left)
        if told is not None:
            return told
        reply, settled = await fetch(talk, queued)
        match reply:
            case Ready():
                return reply
            case Refused(message=message) if settled or wire.about_content(message):
                return reply
            case Refused(concern=Concern.CELL | Concern.RUN):
                return _given_up(queued, links, reply)
            case Refused(retry_after=hint):
                pause = max(hint or 0.0, talk.pause(polls))
            case Queued(eta=eta, future_links=later):
                pause, links, empty = _after(talk, eta, polls), later or links, empty + settled
            case Unknown():
                pause = talk.pause(polls)
        if talk.clock.elapsed() >= deadline or (empty >= EMPTY_ANSWERS and links):
            break
    return _given_up(queued, links, reply)


async def _told(talk: Talk, mailbox: Mailbox | None, queued: Queued, seconds: float) -> Ready | Refused | None:
    """Wait that long, or until a webhook answers; return how the request ended if that says so.

    An answer under another name than the server gave the request, or one that is no end, is no more than a hint
    to ask the server itself.
    """
    pause = talk.clock.sleep(seconds)
    if mailbox is None:
        await pause
        return None
    payload = talk.scrubbed(await mailbox.take(queued.track_id, pause))
    if not (isinstance(payload, dict) and wire.settled(payload) and wire.is_about(payload, queued.remote_id)):
        return None
    reply = wire.answer(HTTPStatus.OK, {}, payload, now=talk.clock.now())
    return reply if isinstance(reply, Ready | Refused) else None


def _paths(talk: Talk, queued: Queued) -> tuple[str, ...]:
    """Return where to ask: the server's own address first, where it is the target's, for the key goes along."""
    own = queued.fetch_result if _origin(queued.fetch_result) == _origin(talk.where) else ""
    return (*([own] if own else []), *wire.fetch_paths(queued.remote_id))


def _after(talk: Talk, eta: float | None, polls: int) -> float:
    """Return seconds to the next fetch: the server's estimate, though a long one is not waited out in one go."""
    return max(min(eta or 0.0, talk.patience.longest_poll), talk.pause(polls))


def _given_up(queued: Queued, links: tuple[str, ...], last: Reply) -> Ready | Unknown | Queued:
    """Return what becomes of an accepted request that is not fetched any more, by the last answer to a fetch.

    If links were promised, the images may lie there all the same. A no to the question, such as "invalid id", is none to
    the request: that was accepted, and may be made and paid for. Raises WithheldError.
    """
    if links:
        return Ready(remote_id=queued.remote_id, outputs=links)
    accepted = f"accepted as {queued.remote_id}, and"
    match last:
        case Refused(concern=Concern.CELL) | Refused(status=HTTPStatus.NOT_FOUND | HTTPStatus.METHOD_NOT_ALLOWED):
            return Unknown(message=f"{accepted} not to be fetched: {last.message}")
        case Refused(message=message) | Unknown(message=message):
            raise WithheldError(f"{accepted} not given out now: {message}", "the next run asks for it again")
        case _:
            return queued


def _origin(link: str) -> tuple[str, str, int | None] | None:
    try:
        url = httpx.URL(link)
        host = url.host
    except UNREADABLE:
        return None
    return (url.scheme, host, url.port)
