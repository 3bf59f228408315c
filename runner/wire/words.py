"""What an error's message is about, when its HTTP status does not say.

The service answers some errors with HTTP 200, so that the message alone tells a full queue from a wrong key. The rows
are tried in order and the first that matches decides; what matches none is about the one request. Quoted text is left
out first: a model named 'queue' says nothing about the queue.
"""

import re

from runner.nouns import Concern

_ABOUT_A_KEY = r"(invalid|wrong|missing|expired|incorrect|unknown|valid|revoked|disabled|required)"

ROWS: tuple[tuple[Concern, re.Pattern[str]], ...] = (
    (  # content policy: another prompt is needed, whatever else the message advises
        Concern.CELL,
        re.compile(
            r"\bnsfw\b|\b(content|usage|safety) polic|\b(sensitive|explicit|unsafe|adult) (content|words?|image)"
            r"|\bmoderation\b|\binappropriate|\b(banned|prohibited|restricted) (content|words?|prompt)"
        ),
    ),
    (  # the key
        Concern.RUN,
        re.compile(
            rf"\b{_ABOUT_A_KEY}( \w+)? key\b|\bkey( \w+){{0,3}} ({_ABOUT_A_KEY}|found|exist)\b"
            r"|\bunauthori[sz]ed\b|\bunauthenticated\b|\bnot authori[sz]ed\b"
        ),
    ),
    (  # the queue, the rate
        Concern.LATER,
        re.compile(
            r"\bqueued?\b|\brate limit|\btoo many\b.*\brequests\b|\brequests? (per|a) (second|minute|hour)\b"
            r"|\bconcurren"
        ),
    ),
    (  # credits, subscription, account
        Concern.RUN,
        re.compile(
            r"\bcredits?\b|\bsubscri|\b(upgrade|your|current|this) plan\b|\bpayment\b|\bbilling\b"
            r"|\b(balance|funds|wallet|quota)\b|\b(daily|monthly)( \w+)? limit"
            r"|\baccount( \w+){0,3} (suspended|disabled|blocked|banned|inactive)\b"
        ),
    ),
    (  # a parameter, a model
        Concern.CELL,
        re.compile(r"\bmust (be|not|have)\b|\bis required\b|\binvalid\b|\bnot (a )?(supported|allowed|found|valid)\b"),
    ),
    (  # a passing fault
        Concern.LATER,
        re.compile(
            r"\btry again\b|\bretry\b|\bbusy\b|\boverload|\btemporar|\bunavailable\b|\bloading\b|\bbeing loaded\b"
            r"|\btimed? ?out\b|\bmaintenance\b|\brestarting\b|\binternal (server )?error\b"
        ),
    ),
)

CONTENT_POLICY = ROWS[0][1]
CROWDED = ROWS[2][1]
_QUOTED = re.compile(r"""(?<!\w)(['"`]).*?\1(?!\w)""", re.DOTALL)


def concern_of(message: str) -> Concern:
    """Return what an error's message is about.

    >>> concern_of("Invalid API key"), concern_of("Queue is full"), concern_of("width must be between 256 and 1024")
    (<Concern.RUN: 'run'>, <Concern.LATER: 'later'>, <Concern.CELL: 'cell'>)
    """
    plain = plain_words(message)
    return next((concern for concern, pattern in ROWS if pattern.search(plain)), Concern.CELL)


def about_content(message: str) -> bool:
    """Return whether a message speaks of the content policy: a refusal of this prompt, not of the account."""
    return CONTENT_POLICY.search(plain_words(message)) is not None


def about_crowding(message: str) -> bool:
    """Return whether a message speaks of the queue or the rate: fewer requests at once, or in a time, would do.

    >>> about_crowding("Queue is full, try again"), about_crowding("The model is loading, try again")
    (True, False)
    """
    plain = plain_words(message)
    return next((pattern is CROWDED for _, pattern in ROWS if pattern.search(plain)), False)


def plain_words(message: str) -> str:
    """Return a message in lower case without its quotations, `-` and `_` as blanks: `API_KEY` reads `api key`."""
    return re.sub(r"[-_\s]+", " ", _QUOTED.sub(" ", message)).lower()
