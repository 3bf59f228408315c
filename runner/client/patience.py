"""How long to wait for what, and what there is to say when that was in vain."""

from dataclasses import dataclass

from runner.errors import TargetError


class WithheldError(TargetError):
    """What the target accepted, it does not give out now: for want of the right key or of credits, or it does not answer.

    It was made or will be, and so it is neither refused nor unknown: it is asked for again another time.

    Attributes:
        found: the message without its last part, which says when that is.
    """

    def __init__(self, found: str, again: str) -> None:
        super().__init__(f"{found}; {again}")
        self.found = found


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to wait for what, in seconds, and how large an image may be, in bytes.

    Attributes:
        answer: for the answer to one POST that makes images.
        fetch: for the answer to one fetch.
        download: for one GET of a link, whole.
        find: for a server to say what became of a request whose answer was lost, where it does not answer at once.
        letter: from the sending of such a request to its webhook's answer, where the server cannot tell.
        link: for an image to appear at its link, which may say 404 for a while.
        shortest_poll, longest_poll: between two fetches, or two GETs of a link that is not there yet.
        largest_image: bytes of one image file.
    """

    answer: float = 300.0
    fetch: float = 60.0
    download: float = 120.0
    find: float = 30.0
    letter: float = 300.0
    link: float = 180.0
    shortest_poll: float = 0.5
    longest_poll: float = 60.0
    largest_image: int = 64 * 2**20
