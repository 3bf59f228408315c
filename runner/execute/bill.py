"""What a request may cost, and what its outcome says that it did."""

from runner.nouns import Made, Outcome, Refused, Request


def asked_for(request: Request) -> int:
    """Return the images that a request asks for."""
    return int(request.parameters.get("samples") or 1)


def paid_for(outcome: Outcome, request: Request) -> int:
    """Return the images to pay for: none after a no, what came, or else what was asked for."""
    match outcome:
        case Refused():
            return 0
        case Made(pictures=pictures):
            return len(pictures)
        case _:
            return asked_for(request)
