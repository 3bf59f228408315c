"""One answer, read from its bytes as they come by llhttp, the parser of Node (the package httptools). No I/O."""

from collections import deque

import httptools
import httpx

LARGEST_HEAD = 100 * 2**10
"""Bytes that may come without one of a body among them: a head, trailers and what frames a chunk need not end."""


class Answer:
    """The head of an answer and what is there of its body.

    Attributes:
        status, reason, headers: of the head, once it is `begun`.
        begun: the head is complete; answers before the real one (100, 103) do not count.
        whole: the body is complete, too.
        lasting: the server keeps the connection open for another request.
        held: bytes of the body that nobody has taken.
    """

    def __init__(self, *, bodiless: bool = False) -> None:
        """Start before the first byte; `bodiless` when the request was a HEAD."""
        self.status, self.reason = 0, b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.begun = self.whole = self.lasting = False
        self.held = 0
        self._bodiless = bodiless
        self._pieces: deque[bytes] = deque()
        self._unread = 0  # bytes since the last one of a body
        self._parser = httptools.HttpResponseParser(self)

    def feed(self, data: bytes | memoryview) -> None:
        """Read what came.

        Raises:
            httpx.RemoteProtocolError: it is no answer in HTTP/1, or its head has no end.
        """
        self._unread += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self.lasting = False
            if not self.whole:
                raise httpx.RemoteProtocolError(f"the server's answer is not HTTP/1: {error}") from error
        if self._unread > LARGEST_HEAD and not self.whole:
            raise httpx.RemoteProtocolError(f"the server's answer has a head of more than {LARGEST_HEAD} bytes")

    def close(self) -> None:
        """The server sends nothing more, which ends an answer that does not say how long it is.

        Raises:
            httpx.RemoteProtocolError: the answer is not whole.
        """
        self.lasting = False
        if self.begun and not self._framed():
            self.whole = True
        if not self.whole:
            said = "before the end of its answer" if self.begun else "without an answer"
            raise httpx.RemoteProtocolError(f"the server closed the connection {said}")

    def take(self) -> bytes:
        """Return the next piece of the body, nothing where none is there."""
        piece = self._pieces.popleft() if self._pieces else b""
        self.held -= len(piece)
        return piece

    def _framed(self) -> bool:
        return any(name.lower() in (b"content-length", b"transfer-encoding") for name, _ in self.headers)

    # What the parser calls. It goes on after the end of an answer, should more bytes come: they are nobody's.

    def on_message_begin(self) -> None:
        """Start over after an answer before the real one; after the real one, the server talks unasked."""
        if self.whole:
            self.lasting = False
        else:
            self.reason, self.headers = b"", []

    def on_status(self, reason: bytes) -> None:
        """Add to the words after the status."""
        if not self.whole:
            self.reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        """Add a header; trailers are left out."""
        if not self.begun:
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Take the head as it is, unless it comes before the real one."""
        status = self._parser.get_status_code()
        if self.whole or status < 200:
            return
        self.status, self.begun = status, True
        self.whole = self._bodiless

    def on_body(self, piece: bytes) -> None:
        """Add a piece of the body."""
        if not self.whole:
            self._unread = 0
            self._pieces.append(piece)
            self.held += len(piece)

    def on_message_complete(self) -> None:
        """Take the answer as whole, unless it comes before the real one."""
        if self.begun and not self.whole:
            self.whole, self.lasting = True, self._parser.should_keep_alive()
