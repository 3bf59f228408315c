"""What strangers send does not lead this server anywhere, nor fill it."""

import asyncio
import json
import struct
import subprocess
import sys
import zlib
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from runner import target
from runner.client import DownloadError
from runner.engine.pictures import opened
from runner.errors import EngineError
from runner.server import Outside, Settings, create_app, reading
from runner.server.outside import ForbiddenAddress, is_public
from runner.target import serving
from tests.contracts.server import BODY, Recorder

ROOT = Path(__file__).parent.parent
PUBLIC = "93.184.215.14"
JSON = {"Content-Type": "application/json"}
EVERYWHERE = "0.0.0.0"  # noqa: S104 - what is refused


class Wire(httpx.AsyncBaseTransport):
    """A transport that keeps what would be sent, and answers from a script."""

    def __init__(self, *answers: httpx.Response) -> None:
        self.answers = list(answers)
        self.sent: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request)
        return self.answers.pop(0) if self.answers else httpx.Response(200, content=b"picture")


def resolving(**hosts: Sequence[str]) -> Any:
    async def resolve(host: str, port: int) -> Sequence[str]:
        assert port in (80, 443, 8080)
        if host not in hosts:
            raise OSError(f"no address of {host}")
        return hosts[host]

    return resolve


@pytest.mark.parametrize(
    "address",
    [
        *(
            "127.0.0.1",
            "127.8.8.8",
            EVERYWHERE,
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
        ),
        *("192.0.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255"),
        *("::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "fec0::1", "ff02::1", "2001:db8::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a00:1"),
        *("2002:7f00:1::", "2002:a00:1::", "2001:0:4136:e378:8000:63bf:80ff:fffe"),
    ],
)
def test_an_address_that_is_not_the_public_internets_is_private(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", [PUBLIC, "8.8.8.8", "2606:4700::1111", "64:ff9b::808:808", "2002:808:808::1"])
def test_an_address_of_the_public_internet_is_public(address: str) -> None:
    assert is_public(address)


def test_a_link_is_followed_at_the_address_that_was_looked_at_under_the_name_that_it_has() -> None:
    wire = Wire()
    outside = Outside(resolve=resolving(**{"images.example": [PUBLIC, "8.8.8.8"]}), transport=lambda: wire)
    assert asyncio.run(outside.fetch("https://images.example/a.png?b=1")) == b"picture"
    sent = wire.sent[0]
    assert str(sent.url) == f"https://{PUBLIC}/a.png?b=1"
    assert (sent.headers["host"], sent.extensions["sni_hostname"]) == ("images.example", "images.example")


@pytest.mark.parametrize("addresses", [["127.0.0.1"], [PUBLIC, "10.0.0.1"], ["::1"], []])
def test_a_name_with_one_private_address_is_not_followed(addresses: list[str]) -> None:
    wire = Wire()
    outside = Outside(resolve=resolving(**{"inside.example": addresses}), transport=lambda: wire)
    with pytest.raises(
        DownloadError, match=r"inside\.example leads to (127|10|::1|no address).* to public addresses alone"
    ):
        asyncio.run(outside.fetch("http://inside.example/"))
    with pytest.raises(ForbiddenAddress):
        asyncio.run(outside.post("http://inside.example/", {}))
    assert wire.sent == []


def test_a_redirect_into_the_house_is_not_followed() -> None:
    wire = Wire(httpx.Response(302, headers={"Location": "http://metadata.example/key"}))
    hosts = resolving(**{"images.example": [PUBLIC], "metadata.example": ["169.254.169.254"]})
    with pytest.raises(DownloadError, match=r"metadata\.example leads to 169\.254\.169\.254"):
        asyncio.run(Outside(resolve=hosts, transport=lambda: wire).fetch("http://images.example/a.png"))
    assert [str(request.url) for request in wire.sent] == [f"http://{PUBLIC}/a.png"]


def test_a_redirect_to_a_path_alone_stays_at_the_name() -> None:
    wire = Wire(httpx.Response(302, headers={"Location": "/b.png"}))
    outside = Outside(resolve=resolving(**{"images.example": [PUBLIC]}), transport=lambda: wire)
    assert asyncio.run(outside.fetch("https://images.example/a.png")) == b"picture"
    sent = wire.sent[1]
    assert str(sent.url) == f"https://{PUBLIC}/b.png"
    assert (sent.headers["host"], sent.extensions["sni_hostname"]) == ("images.example", "images.example")


@pytest.mark.parametrize(
    "link",
    [
        "http://127.0.0.1:8080/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0177.0.0.1/",
        "http://127.1/",
        "http://localhost/",
        "http://LOCALHOST./",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://0/",
    ],
)
def test_no_spelling_of_this_machine_is_followed(link: str) -> None:
    wire = Wire()
    with pytest.raises(DownloadError):
        asyncio.run(Outside(transport=lambda: wire).fetch(link))
    assert wire.sent == []


def test_a_request_with_a_link_into_the_house_is_a_400_that_says_why() -> None:
    async def session() -> httpx.Response:
        async with serving(create_app(Recorder())) as url, httpx.AsyncClient(base_url=url) as http:
            return await http.post("img2img", json={**BODY, "init_image": "http://127.0.0.1:9/a.png"})

    answer = asyncio.run(session())
    assert (answer.status_code, answer.json()) == (
        400,
        {
            "status": "error",
            "message": (
                "init_image: http://127.0.0.1:9/a.png: ForbiddenAddress: 127.0.0.1 leads to 127.0.0.1, and this server "
                "follows links to public addresses alone (sweep serve --allow-private follows others); send a link that "
                "this server can read, or base64 text"
            ),
        },
    )


def test_environment_proxies_do_not_open_the_door(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    wire = Wire()
    outside = Outside(resolve=resolving(**{"images.example": [PUBLIC]}), transport=lambda: wire)
    assert asyncio.run(outside.fetch("http://images.example/a.png")) == b"picture"


# --- what is sent -----------------------------------------------------------------------------------------------------


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bomb(width: int, height: int) -> bytes:
    """A PNG of zeros, which is a thousand times smaller than what it unfolds to."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(width + 1)) for _ in range(height)) + packer.flush()
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(50_000, 900), (8_000, 5_001), (40_000_001, 1)])
def test_a_picture_that_would_unfold_to_too_much_is_refused_before_it_is_decoded(size: tuple[int, int]) -> None:
    with pytest.raises(
        EngineError, match=rf"^init_image: {size[0]}×{size[1]} pixels are more than the 40000000 allowed"
    ):
        opened(bomb(*size), "init_image")


def test_a_header_that_promises_more_than_any_machine_has_is_refused() -> None:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 2**31 - 1, 2**31 - 1, 8, 6, 0, 0, 0))
    with pytest.raises(EngineError, match=r"^init_image: "):
        opened(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", b"") + chunk(b"IEND", b""), "init_image")


def test_of_an_animation_the_first_frame_is_taken() -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue")]
    buffer = BytesIO()
    frames[0].save(buffer, format="WEBP", save_all=True, append_images=frames[1:], lossless=True)
    assert opened(buffer.getvalue(), "init_image").convert("RGB").getpixel((0, 0)) == (255, 0, 0)


def test_a_body_that_does_not_come_is_a_408_and_others_are_answered_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "BODY_SECONDS", 0.2)

    async def session() -> tuple[bytes, int]:
        async with serving(create_app(Recorder())) as url, httpx.AsyncClient(base_url=url) as http:
            host, port = url.removeprefix("http://").split("/")[0].split(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            head = "POST /api/v1/enterprise/text2img HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            writer.write(f"{head}Content-Length: 1000\r\n\r\n{{".encode())
            other = (await http.post("text2img", json=BODY)).status_code
            line = await reader.readline()
            writer.close()
            return line, other

    line, other = asyncio.run(session())
    assert (line.split()[1], other) == (b"408", 200)


@pytest.mark.parametrize(
    "path",
    [
        "/images/../../etc/passwd",
        "/images/%2e%2e%2fetc%2fpasswd",
        "/images/1-0.png%00",
        "/images/-1-0.png",
        "//etc/passwd",
    ],
)
def test_no_path_leads_to_a_file(path: str) -> None:
    async def session() -> bytes:
        async with serving(create_app(Recorder())) as url:
            host, port = url.removeprefix("http://").split("/")[0].split(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            answer = await reader.read()
            writer.close()
            return answer

    answer = asyncio.run(session())
    assert answer.split()[1] in (b"404", b"400", b"410")
    assert b"root:" not in answer


@pytest.mark.parametrize("key", [None, 7, ["secret"], {"a": 1}, "", "x" * 100_000, "\ud800", "ſecret"])
def test_no_odd_key_opens_the_house(key: object) -> None:
    async def session() -> int:
        app = create_app(Recorder(), Settings(key="secret"))
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://target/api/v1/enterprise") as http:
            return (await http.post("system_details", content=json.dumps({"key": key}), headers=JSON)).status_code

    assert asyncio.run(session()) == 401


def test_an_address_that_others_can_reach_needs_a_key_or_a_word() -> None:
    command = [sys.executable, "-m", "runner", "serve", "--engine", "sketch", "--host", EVERYWHERE, "--port", "0"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    said = (
        "serve: 0.0.0.0 can be reached from other machines, and there is no key; set SWEEP_KEY, or add --no-key to let "
        "everyone in"
    )
    assert (done.returncode, done.stderr.strip()) == (2, said)


def test_a_jpeg_that_declares_too_much_is_refused_before_it_is_decoded() -> None:
    buffer = BytesIO()
    Image.new("RGB", (16, 16)).save(buffer, format="JPEG")
    data = bytearray(buffer.getvalue())
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", 9000, 9000)
    with pytest.raises(EngineError, match=r"^init_image: 9000×9000 pixels are more than the 40000000 allowed"):
        opened(bytes(data), "init_image")


@pytest.mark.parametrize("body", ["[" * 200_000, '{"a":' * 200_000, '{"seed": ' + "9" * 100_000 + "}", '{"seed": NaN}'])
def test_json_that_would_fill_or_break_the_reader_is_a_400(body: str) -> None:
    async def session() -> httpx.Response:
        transport = httpx.ASGITransport(app=create_app(Recorder()))
        async with httpx.AsyncClient(transport=transport, base_url="http://target/api/v1/enterprise") as http:
            return await http.post("text2img", content=body, headers=JSON)

    answer = asyncio.run(session())
    assert answer.status_code == 400
    assert answer.json()["message"].startswith("the body is not JSON (")


@pytest.mark.parametrize("begun", [b"", b"POST /api/v1/enterprise/text2img HTTP/1.1\r\nHost: "])
def test_connections_that_ask_nothing_are_closed_and_others_are_answered_meanwhile(
    begun: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(target, "HEAD_SECONDS", 0.2)

    async def session() -> tuple[list[bytes], int]:
        async with serving(create_app(Recorder())) as url, httpx.AsyncClient(base_url=url) as http:
            host, port = url.removeprefix("http://").split("/")[0].split(":")
            silent = [await asyncio.open_connection(host, int(port)) for _ in range(50)]
            for _, writer in silent:
                writer.write(begun)
            other = (await http.post("text2img", json=BODY)).status_code
            async with asyncio.timeout(20):
                read = [await reader.read() for reader, _ in silent]
            for _, writer in silent:
                writer.close()
            return read, other

    assert asyncio.run(session()) == ([b""] * 50, 200)
