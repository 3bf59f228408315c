"""What lies at a link: bytes, through a few redirects, never more than asked for.

No request of this module carries a key: a link may lead to any host.
"""

import asyncio

import httpx

from runner.errors import SweepError

UNREADABLE = (httpx.InvalidURL, UnicodeError)
"""What httpx raises for an address that is none, the second for some names of hosts and for half of a surrogate pair."""

REDIRECTS = 5
"""How many redirects a link may take."""

ENCODINGS = "gzip, deflate"
"""Content encodings that are asked for and read, one at a time: gzip in gzip is how some kilobytes fill a memory."""

_NOT_YET = {403, 404, 425}  # object stores answer 403 for what is not there yet, too
_BUSY = {408, 429}


class DownloadError(SweepError):
    """An image that the server promised does not come from its link.

    Attributes:
        passing: whether it may come a little later.
        away: whether nobody said that it is not there: what keeps it cannot be reached, or is in trouble itself.
    """

    def __init__(self, message: str, *, passing: bool = False, away: bool = False) -> None:
        super().__init__(message)
        self.passing = passing or away
        self.away = away


async def read_link(http: httpx.AsyncClient, link: str, *, largest: int, within: float) -> bytes:
    """Return what lies at an http or https link, through a few redirects.

    Args:
        http: sends no credentials of its own.
        link: absolute.
        largest: bytes to read at most.
        within: seconds for all of it.

    Raises:
        DownloadError: the link is none, leads nowhere, or to more than that; `passing` when it may be otherwise later.
    """
    url = _web_address(link)
    try:
        async with asyncio.timeout(within):
            for _ in range(REDIRECTS + 1):
                async with http.stream(
                    "GET", url, headers={"Accept-Encoding": ENCODINGS}, follow_redirects=False
                ) as response:
                    if response.next_request is None:
                        return await _content(response, largest)
                    url = _web_address(str(response.next_request.url))
    except TimeoutError as error:
        raise DownloadError(f"{_shown(url)}: not read within {within:g} s", away=True) from error
    except httpx.RequestError as error:
        raise DownloadError(f"{_shown(url)}: {described(error)}", away=True) from error
    except UNREADABLE as error:
        raise DownloadError(f"{_shown(url)}: it leads to an address that is none: {described(error)}") from error
    raise DownloadError(f"{_shown(url)}: more than {REDIRECTS} redirects")


async def _content(response: httpx.Response, largest: int) -> bytes:
    if response.is_success:
        data = await read_whole(response, largest)
        if data:
            return data
        raise DownloadError(f"{_shown(response.url)}: an empty answer", passing=True)
    raise DownloadError(
        f"{_shown(response.url)}: HTTP {response.status_code} {response.reason_phrase}",
        passing=response.status_code in _NOT_YET,
        away=response.is_server_error or response.status_code in _BUSY,
    )


async def read_whole(response: httpx.Response, largest: int) -> bytes:
    """Return the body of a streamed answer. Raises DownloadError when it is larger than that, or encoded twice."""
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("", "identity", *ENCODINGS.split(", ")):
        raise DownloadError(f"{_shown(response.url)}: content encoding {encoding[:40]!r} is not one of {ENCODINGS}")
    data = bytearray()
    async for chunk in response.aiter_bytes():
        data += chunk
        if len(data) > largest:
            raise DownloadError(f"{_shown(response.url)}: more than the {largest} bytes allowed")
    return bytes(data)


def _web_address(link: str) -> httpx.URL:
    try:
        url = httpx.URL(link)
        host = url.host
    except UNREADABLE as error:
        raise DownloadError(f"{link[:200]!a} is no link: {error}") from error
    if url.scheme not in ("http", "https") or not host:
        raise DownloadError(f"{link[:200]!r} is no http or https link")
    return url


def _shown(url: httpx.URL) -> str:
    """Return a link without its query, which may sign it."""
    return f"{url.scheme}://{url.netloc.decode('ascii')}{url.path}"


def described(error: Exception) -> str:
    """Return an exception's kind and words in one line."""
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
