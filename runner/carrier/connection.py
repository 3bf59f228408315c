"""One connection of the running event loop, and the one exchange at a time that goes over it."""

import asyncio
import select
import socket
from collections.abc import Mapping, Sequence

import httpx

from runner.carrier.answer import Answer

AHEAD = 256 * 2**10
"""Bytes of a body that are read before somebody takes them."""


class Connection(asyncio.BufferedProtocol):
    """A connection that stands.

    Attributes:
        rests_until: reading of the loop's clock after which it is not used again.
        gone: set once it stands no more.
    """

    def __init__(self, buffer: bytearray, standing: "set[Connection]") -> None:
        """Wait to be connected.

        Args:
            buffer: shared; the loop hands over what it read before it reads for another connection.
            standing: holds the connection for as long as it stands.
        """
        self.rests_until = 0.0
        self.gone = asyncio.Event()
        self._buffer = memoryview(buffer)
        self._standing = standing
        self._answer: Answer | None = None
        self._fault: httpx.TransportError | None = None
        self._unsent = self._paused = False
        self._waiter: asyncio.Future[None] | None = None

    @property
    def reusable(self) -> bool:
        """Whether another request may follow: the last was sent, its answer is whole, and the server stays."""
        fresh = self._answer is None or self._answer.lasting
        return fresh and not self._unsent and not self.gone.is_set() and not self._transport.is_closing()

    @property
    def silent(self) -> bool:
        """Whether the server has neither closed the connection nor said a word since its answer."""
        return self.reusable and not _readable(self._transport.get_extra_info("socket"))

    async def ask(self, request: Sequence[bytes], *, bodiless: bool, seconds: Mapping[str, float | None]) -> Answer:
        """Send a request and return its answer as soon as the head is there, even before all of the request is sent.

        Args:
            request: its bytes, in parts.
            bodiless: the answer has no body whatever its head says.
            seconds: to wait at most, by "write" for all of the request, by "read" for bytes of the answer.

        Raises:
            httpx.TransportError: the request may have been sent.
        """
        answer = self._answer = Answer(bodiless=bodiless)
        self._transport.writelines(request)
        while self._unsent and not (answer.begun or self._fault):
            await self._news(seconds.get("write"), httpx.WriteTimeout)
        while not answer.begun:
            await self._more(seconds.get("read"))
        return answer

    async def piece(self, answer: Answer, seconds: float | None) -> bytes:
        """Return the next piece of an answer's body, nothing at its end.

        Raises:
            httpx.TransportError: it ends before its end.
        """
        while not answer.held and not answer.whole:
            await self._more(seconds)
        piece = answer.take()
        if self._paused and answer.held < AHEAD:
            self._paused = False
            self._transport.resume_reading()
        return piece

    def drop(self) -> None:
        """Close the connection at once, whatever is on its way."""
        self._transport.abort()

    async def _more(self, seconds: float | None) -> None:
        if self._fault is not None:
            raise self._fault
        await self._news(seconds, httpx.ReadTimeout)

    async def _news(self, seconds: float | None, late: type[httpx.TimeoutException]) -> None:
        """Wait until bytes came, all are sent, or the connection ended."""
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(seconds):
                await self._waiter
        except TimeoutError as error:
            raise late(f"nothing for {seconds:g} s") from error
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # What the event loop calls.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # of TCP or TLS
        """Stand."""
        self._transport = transport
        self._standing.add(self)
        transport.set_write_buffer_limits(high=0)  # so that pause_writing means: not all is sent

    def connection_lost(self, exc: Exception | None) -> None:
        """Stand no more; what that means for an answer under way depends on how far it came."""
        self._standing.discard(self)
        try:
            if exc is not None:
                raise httpx.ReadError(str(exc)) from exc
            if self._answer is not None:
                self._answer.close()
        except httpx.TransportError as error:
            self._fault = self._fault or error
        self.gone.set()
        self._wake()

    def pause_writing(self) -> None:
        """Note that not all is sent."""
        self._unsent = True

    def resume_writing(self) -> None:
        """Note that all is sent."""
        self._unsent = False
        self._wake()

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002  # the name is the loop's
        """Return where the next bytes go."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Read the bytes that came."""
        if self._answer is None or self._answer.whole:
            self._transport.abort()  # nobody asked
            return
        try:
            self._answer.feed(self._buffer[:nbytes])
        except httpx.RemoteProtocolError as error:
            self._fault = error
            self._transport.abort()
        if self._answer.held > AHEAD and not self._paused:
            self._paused = True
            self._transport.pause_reading()
        self._wake()


def _readable(connected: socket.socket) -> bool:
    """Return whether the system has bytes, or the end of them, that the event loop has not yet seen."""
    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(connected.fileno(), select.POLLIN)
        return bool(poll.poll(0))
    return bool(select.select([connected], [], [], 0)[0])  # on Windows, where any socket fits
