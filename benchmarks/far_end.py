"""The other end of the sending benchmarks: a process that answers in the contract's words, and does little besides.

    python benchmarks/far_end.py SECONDS linked|encoded

A POST is answered after so many seconds, with a link to its picture or with the picture as base64; a GET at once. Prints
its URL, then serves until its input closes. Each picture is another one: a small PNG with its number in a text chunk.
"""

import asyncio
import json
import struct
import subprocess
import sys
import zlib
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

SIDE = 16
PIXELS = zlib.compress(b"".join(b"\0" + bytes(range(row, row + 3 * SIDE)) for row in range(SIDE)))


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


HEAD = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0))
TAIL = chunk(b"IDAT", PIXELS) + chunk(b"IEND", b"")


def png(number: int) -> bytes:
    return HEAD + chunk(b"tEXt", b"number\0%d" % number) + TAIL


class Conversation(asyncio.Protocol):
    """One connection; requests come one after the other, each with its length."""

    numbers = count(1)

    def __init__(self, seconds: float, *, encoded: bool) -> None:
        self.seconds, self.encoded, self.heard = seconds, encoded, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.loop = asyncio.get_running_loop()

    def data_received(self, data: bytes) -> None:
        self.heard += data
        head, found, body = self.heard.partition(b"\r\n\r\n")
        if not found:
            return
        first, _, rest = head.partition(b"\r\n")
        if first.startswith(b"GET"):
            self.heard = body
            self.say(png(int(first.split(b" ")[1].rpartition(b"/")[2])), b"image/png")
            return
        length = int(rest.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(body) >= length:
            self.heard = body[length:]
            self.loop.call_later(self.seconds, self.answer, next(self.numbers))

    def answer(self, number: int) -> None:
        host, port = self.transport.get_extra_info("sockname")
        output = b64encode(png(number)).decode() if self.encoded else f"http://{host}:{port}/images/{number}"
        meta = {"seed": number, "prompt": "a red house", "width": SIDE, "height": SIDE}
        said = {"status": "success", "id": number, "generationTime": 0.1, "output": [output], "meta": meta}
        self.say(json.dumps(said).encode(), b"application/json")

    def say(self, body: bytes, kind: bytes) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n" % (kind, len(body))
        self.transport.write(head + body)


@contextmanager
def far_end(seconds: float, kind: str) -> Iterator[str]:
    """Serve in another process for the length of a `with` block, which is given the URL."""
    command = [sys.executable, str(Path(__file__)), str(seconds), kind]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.stdin.close()


async def main() -> None:
    seconds, encoded = float(sys.argv[1]), sys.argv[2] == "encoded"
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Conversation(seconds, encoded=encoded), "127.0.0.1", 0, backlog=1024)
    print("http://{}:{}".format(*server.sockets[0].getsockname()), flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
