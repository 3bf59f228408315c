"""What lies outside this machine: links in requests are followed, and webhooks told, at public addresses alone.

Whoever may send a request may name a link, and must not reach through this server what only this server can reach: its
own ports, the network that it stands in, a cloud's metadata (CWE-918). A name is resolved once, every address that it has
must be public, and the connection goes to an address that was looked at, so that a name cannot lead elsewhere a moment
later (DNS rebinding). Redirects are new requests and go through the same door.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final, TypeAlias

import httpx

from runner.client import read_link

LARGEST_IMAGE: Final = 32 * 2**20
"""Bytes of an image behind a link."""

SECONDS: Final = 30.0
"""For an image to come, and for a webhook to acknowledge."""

TRANSLATED: Final = (IPv6Network("64:ff9b::/96"), IPv6Network("::/96"))
"""IPv6 addresses whose last 32 bits are an IPv4 address: NAT64 (RFC 6052), and the compatible ones of old."""

Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""Returns every address of a host. Raises OSError."""


class ForbiddenAddress(httpx.RequestError):
    """A host has an address that requests may not make this server reach."""


async def resolve(host: str, port: int) -> Sequence[str]:
    """Ask the system's resolver."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


def is_public(address: str) -> bool:
    """Return whether an address is one of the public internet; one that stands for an IPv4 address, whether that is.

    >>> is_public("93.184.215.14"), is_public("127.0.0.1"), is_public("::ffff:10.0.0.1"), is_public("169.254.169.254")
    (True, False, False, False)
    """
    ip = ip_address(address.partition("%")[0])
    hidden: Sequence[IPv4Address | IPv6Address] = _hidden(ip)
    return all(map(_is_public, hidden or [ip]))


def _is_public(ip: IPv4Address | IPv6Address) -> bool:
    local = isinstance(ip, IPv6Address) and ip.is_site_local
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or local)


def _hidden(ip: IPv4Address | IPv6Address) -> list[IPv4Address]:
    if isinstance(ip, IPv4Address):
        return []
    teredo = ip.teredo or ()
    translated = [IPv4Address(int(ip) & 0xFFFFFFFF)] if any(ip in network for network in TRANSLATED) else []
    return [one for one in (ip.ipv4_mapped, ip.sixtofour, *teredo, *translated) if one is not None]


class Door(httpx.AsyncBaseTransport):
    """A transport that looks where each request leads before it lets it out."""

    def __init__(self, inner: httpx.AsyncBaseTransport, resolve: Resolve) -> None:
        self._inner = inner
        self._resolve = resolve

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request to a public address of its host. Raises ForbiddenAddress, or ConnectError for an unknown host."""
        url = request.url
        port = url.port or (443 if url.scheme == "https" else 80)
        try:
            addresses = await self._resolve(url.host, port)
        except (OSError, UnicodeError) as error:
            raise httpx.ConnectError(f"{url.host}: {error}", request=request) from error
        inner = next((address for address in addresses if not is_public(address)), None)
        if inner is not None or not addresses:
            raise ForbiddenAddress(
                f"{url.host} leads to {inner or 'no address'}, and this server follows links to public addresses alone "
                "(sweep serve --allow-private follows others)",
                request=request,
            )
        # the Host header is there already; the certificate is checked against the name, not the address
        sent = httpx.Request(
            request.method,
            url.copy_with(host=addresses[0].partition("%")[0]),
            headers=request.headers,
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": url.host},
        )
        # the client keeps the request as it was: a redirect to a path alone is one at the name, not at the address
        return await self._inner.handle_async_request(sent)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()


class Outside:
    """Follows links and tells webhooks.

    Args:
        allow_private: follow links to any address; for a server that only its own user can ask.
        resolve: finds a host's addresses.
        transport: what sends, once it is known where to; by default a new one for each link.
    """

    def __init__(
        self,
        *,
        allow_private: bool = False,
        resolve: Resolve = resolve,
        transport: Callable[[], httpx.AsyncBaseTransport] = httpx.AsyncHTTPTransport,
    ) -> None:
        self._allow_private = allow_private
        self._resolve = resolve
        self._transport = transport

    async def fetch(self, link: str) -> bytes:
        """Return what lies at an http or https link, at most `LARGEST_IMAGE` bytes within `SECONDS`.

        Raises:
            DownloadError: it does not come, or may not be asked for.
        """
        async with self._http() as http:
            return await read_link(http, link, largest=LARGEST_IMAGE, within=SECONDS)

    async def post(self, link: str, payload: Mapping[str, object]) -> int:
        """Send JSON to an http or https link, following no redirect, and return the HTTP status.

        Raises:
            httpx.HTTPError: no answer comes, or the address may not be asked.
            TimeoutError: none comes within `SECONDS`.
        """
        async with self._http() as http, asyncio.timeout(SECONDS), http.stream("POST", link, json=payload) as answer:
            return answer.status_code

    def _http(self) -> httpx.AsyncClient:
        inner = self._transport()
        transport = inner if self._allow_private else Door(inner, self._resolve)
        return httpx.AsyncClient(transport=transport, timeout=SECONDS, trust_env=False, follow_redirects=False)
