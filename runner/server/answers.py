"""How a route says no, and how anything becomes JSON."""

import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from runner import wire
from runner.errors import EngineError
from runner.nouns import Concern, Refused

logger = logging.getLogger("runner.server")

Handler: TypeAlias = Callable[[Request], Awaitable[Response]]


class Rejection(Exception):
    """A request ends here, with this answer."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.message)
        self.refused = refused


def bad_request(message: str) -> Rejection:
    """Return the rejection of a request that fails however often it is sent."""
    return Rejection(Refused(concern=Concern.CELL, message=message, status=400))


def engine_failed() -> Refused:
    """Return the answer to a request on which the server itself failed."""
    message = "the server failed at this request and has logged why; try again, or look at its log"
    return Refused(concern=Concern.LATER, message=message, status=500)


def spoken(payload: Mapping[str, object], status: int = 200) -> Response:
    """Return a payload as JSON in ASCII, which no odd character in a prompt or a message can break."""
    return Response(json.dumps(payload, allow_nan=False), status_code=status, media_type="application/json")


def refused(refusal: Refused, word: wire.Word = "error") -> Response:
    """Return a no in the contract's words."""
    return spoken(wire.refusal(refusal, word=word), refusal.status or 500)


def answered(handler: Handler) -> Handler:
    """Return a route that always answers in the contract's words: an unforeseen error is logged and becomes a 500."""

    async def answering(request: Request) -> Response:
        try:
            return await handler(request)
        except Rejection as rejection:
            return refused(rejection.refused)
        except EngineError as error:
            return refused(bad_request(str(error)).refused)
        except ClientDisconnect:
            return refused(bad_request("the request ended before its body did").refused)
        except Exception:
            logger.exception("%s failed", request.url.path)
            return refused(engine_failed())

    return answering
