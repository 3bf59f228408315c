"""A request whose answer was lost: the server is asked about it by its track_id, and a webhook may tell."""

from http import HTTPStatus
from itertools import count

from runner import wire
from runner.client.fetching import fetch
from runner.client.mailbox import Mailbox
from runner.client.patience import WithheldError
from runner.client.talking import Heard, Talk
from runner.nouns import Concern, Queued, Ready, Refused, Reply, Unknown

_ACCOUNT = (HTTPStatus.UNAUTHORIZED, HTTPStatus.PAYMENT_REQUIRED, HTTPStatus.FORBIDDEN)


async def find(talk: Talk, mailbox: Mailbox | None, track_id: str, sent: float) -> Queued | Ready | Refused | None:
    """Ask the server, then wait for a webhook; `sent` is a reading of `Clock.elapsed`. Raises WithheldError."""
    silence = None
    try:
        found = await _asked(talk, track_id, sent)
    except WithheldError as error:
        found, silence = None, error
    if found is None and mailbox is not None:
        found = await _letter(talk, mailbox, track_id, sent)
    if silence and not found:
        raise silence
    return found


async def _asked(talk: Talk, track_id: str, sent: float) -> Queued | Ready | Refused | None:
    """Ask the server, again where it does not answer. Raises WithheldError.

    A server that answers other questions, and to this key, but not this one does not know it: it cannot tell.
    """
    fields, give_up = wire.question(track_id, key=talk.key), talk.clock.elapsed() + talk.patience.find
    for tries in count():
        answer = await talk.post(wire.FIND, fields, within=talk.patience.fetch)
        if isinstance(answer, Heard) and wire.repeats(answer.payload, track_id):
            age = talk.clock.elapsed() - sent  # by now: the server's memory is measured by now, too
            return wire.found(answer.status, answer.headers, answer.payload, age=age, now=talk.clock.now())
        left, reply = give_up - talk.clock.elapsed(), talk.judge(answer)
        if not _passing(reply):
            break
        if left <= 0:
            break
        await talk.clock.sleep(min(left, talk.pause(tries)))
    silent = _passing(reply) or (isinstance(reply, Refused) and reply.status in _ACCOUNT)
    if silent and await talk.probe() is not None:
        raise _unanswered(reply)
    return None


async def _letter(talk: Talk, mailbox: Mailbox, track_id: str, sent: float) -> Queued | Ready | Refused | None:
    """Wait for what a webhook says, and ask the server about the request that it names: a name proves nothing."""
    while mailbox.expects(track_id):
        left = sent + talk.patience.letter - talk.clock.elapsed()
        letter = await mailbox.take(track_id, talk.clock.sleep(left)) if left > 0 else None
        if letter is None:
            return None
        if remote_id := wire.named(letter):
            queued = Queued(remote_id=remote_id)
            match await fetch(talk, queued):
                case Ready() as ready, _:
                    return ready
                case Refused() as refused, True:
                    return refused
                case Queued() | Unknown() | Refused(concern=Concern.LATER), _:
                    return queued
    return None


def _passing(reply: Reply) -> bool:
    """Return whether an answer may be another one a moment later."""
    return isinstance(reply, Unknown) or (isinstance(reply, Refused) and reply.concern is Concern.LATER)


def _unanswered(reply: Reply) -> WithheldError:
    said = reply.message if isinstance(reply, Refused | Unknown) else "no answer"
    return WithheldError(f"sent, and the target does not say now what became of it: {said}", "the next run asks again")
