"""Images of an answer: base64 text is decoded, links are followed, and what is not there yet is waited for."""

from runner import wire
from runner.client.links import DownloadError, read_link
from runner.client.talking import Talk


async def image(talk: Talk, output: str, *, encoded: bool) -> bytes:
    """Return an image file. A link is followed without the key; one that leads nowhere yet is tried for a while.

    Raises:
        DownloadError: it did not come, is too large, or is not base64 where it should be.
    """
    if encoded:
        return _decoded(output)
    give_up = talk.clock.elapsed() + talk.patience.link
    tries = 0
    while True:
        try:
            return await _linked(talk, output)
        except DownloadError as error:
            left = give_up - talk.clock.elapsed()
            if not error.passing or left <= 0:
                raise DownloadError(talk.without_key(str(error)), away=error.away) from None
        await talk.clock.sleep(min(left, talk.pause(tries)))
        tries += 1


async def _linked(talk: Talk, link: str) -> bytes:
    limits = talk.patience
    data = await read_link(talk.http, link, largest=limits.largest_image, within=limits.download)
    if (
        link.partition("?")[0].partition("#")[0].endswith(".base64")
    ):  # some servers answer `base64: yes` with a link to the text
        return _decoded(data.decode("ascii", "replace"))
    return data


def _decoded(text: str) -> bytes:
    try:
        return wire.decode_image(text)
    except ValueError as error:
        raise DownloadError(f"an image of {len(text)} characters is not base64: {error}") from error
