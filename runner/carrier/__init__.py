"""Bytes to a host and back: what carries the requests of an httpx client, a connection for each one in flight.

httpx's own pool looks at all of its connections for each request; at 256 at once it does little else. Here those of an
origin that rest lie on a stack.

> What failed decides what is known. `ConnectError`, `ConnectTimeout` and `UnsupportedProtocol` mean that not a byte of
> the request went out, and nothing else raises them. What ends a request after that is a `ReadError`, `ReadTimeout`,
> `WriteTimeout` or `RemoteProtocolError`: it may have been made. Nothing here sends a request twice.

A server may close a connection while a request is on its way to it, and then nobody knows. So each is looked at before
it is used again, and is not used after `KEPT` seconds of rest. HTTP/1.1 alone. Redirects, cookies, credentials and
content encodings stay httpx's business, and proxies too: where the environment names one, httpx carries.
"""

import asyncio
import ssl
import urllib.request
from collections import defaultdict, deque
from collections.abc import AsyncIterator
from typing import Any, TypeAlias

import httpx

from runner.carrier.answer import Answer
from runner.carrier.connection import Connection

__all__ = ["KEPT", "Carrier", "carrier"]

KEPT = 2.0
"""Seconds that a connection rests at most: gunicorn closes one after 2, uvicorn and Node after 5."""

READ_AT_ONCE = 64 * 2**10
"""Bytes that are read at once, and the largest piece of a body: however well packed, it unpacks to some 64 MiB."""

LARGEST_PORT = 2**16 - 1

_Origin: TypeAlias = tuple[str, str, int]
_PORTS = {"http": 80, "https": 443}


def carrier() -> httpx.AsyncBaseTransport | None:
    """Return what carries an `httpx.AsyncClient`; None, which is httpx itself, where the environment names a proxy."""
    return None if urllib.request.getproxies().keys() & {"http", "https", "all"} else Carrier()


class Carrier(httpx.AsyncBaseTransport):
    """An httpx transport with as many connections as there are requests at once. It belongs to one event loop."""

    def __init__(self, *, tls: ssl.SSLContext | None = None, kept: float = KEPT) -> None:
        """Open nothing yet.

        Args:
            tls: how servers are verified; as httpx does it without one.
            kept: seconds that a connection rests at most before it is used again.
        """
        self._tls = tls or httpx.create_ssl_context()
        self._tls.set_alpn_protocols(["http/1.1"])
        self._kept = kept
        self._resting: defaultdict[_Origin, deque[Connection]] = defaultdict(deque)
        self._standing: set[Connection] = set()
        self._buffer = bytearray(READ_AT_ONCE)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request once and return its answer, whose body comes when it is read.

        Raises:
            httpx.UnsupportedProtocol, httpx.LocalProtocolError: it cannot be sent.
            httpx.ConnectError, httpx.ConnectTimeout: nothing was sent.
            httpx.TransportError: any other: it may have been sent.
        """
        seconds = request.extensions.get("timeout", {})
        origin, written = _origin(request.url), _written(request, await request.aread())
        connection = self._rested(origin) or await self._connected(origin, seconds.get("connect"))
        try:
            answer = await connection.ask(written, bodiless=request.method == "HEAD", seconds=seconds)
        except BaseException:  # cancelled, too: half an exchange must never be taken for a connection at rest
            connection.drop()
            raise
        return httpx.Response(
            answer.status,
            headers=answer.headers,
            stream=_Body(self, origin, connection, answer, seconds.get("read")),
            extensions={"http_version": b"HTTP/1.1", "reason_phrase": answer.reason},
        )

    async def aclose(self) -> None:
        """Drop every connection."""
        standing = list(self._standing)
        for connection in standing:
            connection.drop()
        for connection in standing:
            await connection.gone.wait()

    def take_back(self, origin: _Origin, connection: Connection) -> None:
        """Let a connection rest whose answer was read, or drop it where that is no use."""
        if not connection.reusable:
            connection.drop()
            return
        now, resting = asyncio.get_running_loop().time(), self._resting[origin]
        connection.rests_until = now + self._kept
        resting.append(connection)
        while resting and resting[0].rests_until < now:
            resting.popleft().drop()

    def _rested(self, origin: _Origin) -> Connection | None:
        """Return the fit connection that rested shortest, None when there is none."""
        now, resting = asyncio.get_running_loop().time(), self._resting[origin]
        while resting:
            connection = resting.pop()
            if now <= connection.rests_until and connection.silent:
                return connection
            connection.drop()
        return None

    async def _connected(self, origin: _Origin, seconds: float | None) -> Connection:
        scheme, host, port = origin
        tls: dict[str, Any] = {"ssl": self._tls, "server_hostname": host} if scheme == "https" else {}
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(seconds):
                _, connection = await loop.create_connection(
                    lambda: Connection(self._buffer, self._standing), host, port, happy_eyeballs_delay=0.25, **tls
                )
        except TimeoutError as error:
            raise httpx.ConnectTimeout(str(error)) from error
        except (OSError, UnicodeError) as error:  # the second for a name that no name server can know
            raise httpx.ConnectError(str(error)) from error
        return connection


class _Body(httpx.AsyncByteStream):
    """The body of an answer; its connection rests once it is closed."""

    def __init__(
        self, carrier: Carrier, origin: _Origin, connection: Connection, answer: Answer, seconds: float | None
    ) -> None:
        self._carrier = carrier
        self._origin = origin
        self._connection: Connection | None = connection
        self._answer = answer
        self._seconds = seconds

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while self._connection is not None and (piece := await self._connection.piece(self._answer, self._seconds)):
            yield piece

    async def aclose(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self._carrier.take_back(self._origin, connection)


def _origin(url: httpx.URL) -> _Origin:
    if url.scheme not in _PORTS or not url.host:
        raise httpx.UnsupportedProtocol(f"{url.scheme or 'no scheme'!r}: http and https with a host are carried")
    port = url.port or _PORTS[url.scheme]
    if not 0 < port <= LARGEST_PORT:
        raise httpx.UnsupportedProtocol(f"port {port}: 1 to {LARGEST_PORT} are ports")
    return url.scheme, url.raw_host.decode("ascii"), port


def _written(request: httpx.Request, body: bytes) -> tuple[bytes, bytes]:
    """Return the bytes of a request: its head, its body. Raises LocalProtocolError where a header has a line break."""
    headers = [(name, value) for name, value in request.headers.raw if name.lower() != b"transfer-encoding"]
    if len(headers) < len(request.headers.raw):
        headers.append((b"Content-Length", str(len(body)).encode()))
    lines = [b"%b %b HTTP/1.1" % (request.method.encode("ascii"), request.url.raw_path)]
    lines += [b"%b: %b" % header for header in headers]
    head = b"\r\n".join([*lines, b"\r\n"])
    if head.count(b"\n") != len(lines) + 1 or head.count(b"\r") != len(lines) + 1 or b"\0" in head:
        raise httpx.LocalProtocolError("a header of the request has a line break or a zero byte inside")
    return head, body
