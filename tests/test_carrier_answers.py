"""An answer is read however it is framed and comes, and one that is not whole is refused."""

import httpx
import pytest
from sockets import SAID, WHOLE

from runner.carrier.answer import LARGEST_HEAD, Answer


def read(data: bytes, *, bodiless: bool = False, at_once: int = 1) -> tuple[int, bytes, bytes, bool]:
    """Return status, reason, body and whether the connection lasts, of an answer that comes in pieces of that size."""
    found = Answer(bodiless=bodiless)
    for start in range(0, len(data), at_once):
        found.feed(data[start : start + at_once])
    if not found.whole:
        found.close()
    return found.status, found.reason, b"".join(iter(found.take, b"")), found.lasting


@pytest.mark.parametrize("at_once", [1, 7, 10_000])
@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", (200, b"OK", b"hello", True)),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", (200, b"OK", b"", True)),
        (b"HTTP/1.1 204 No Content\r\n\r\n", (204, b"No Content", b"", True)),
        (b"HTTP/1.1 200 OK\r\n\r\nhello", (200, b"OK", b"hello", False)),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", (200, b"OK", b"hello", False)),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello", (200, b"OK", b"hello", False)),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + WHOLE, (200, b"OK", SAID, True)),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;a=b\r\nlo\r\n0\r\nX: 1\r\n\r\n",
            (200, b"OK", b"hello", True),
        ),
        (WHOLE + WHOLE, (200, b"OK", SAID, False)),
    ],
)  # fmt: skip
def test_an_answer_is_read_however_it_is_framed_and_comes(
    data: bytes, told: tuple[int, bytes, bytes, bool], at_once: int
) -> None:
    assert read(data, at_once=at_once) == told


def test_the_answer_to_a_head_has_no_body_whatever_it_says() -> None:
    assert read(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", bodiless=True) == (200, b"OK", b"", False)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nhello",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;" + b"x" * 2 * LARGEST_HEAD,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: " + b"x" * 2 * LARGEST_HEAD,
        b"HTTP/2 200\r\n\r\n",
        b"<html>",
    ],
)
def test_an_answer_that_is_none_or_not_whole_is_refused(data: bytes) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        read(data, at_once=1000)
