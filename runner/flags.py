"""What is odd about a picture that came: kept, because it was paid for, and said wherever it is shown.

Flags are derived from what was asked and what came back, so that older runs have them too.
"""

from collections.abc import Mapping

from runner.nouns import Picture, Request

HIDDEN = "nsfw_content_detected"
"""The member of a recorded answer that says whether the safety checker hid a picture."""

_RESIZING = ("upscale", "panorama", "highres_fix")  # with one of these, another size is what was asked for


def flags(request: Request, answer: Mapping[str, object], picture: Picture) -> tuple[str, ...]:
    """Return what a reader should know before judging a picture, in words; nothing for most pictures.

    Args:
        request: what was asked.
        answer: what the server says it used.
        picture: what came.
    """
    hidden = ("hidden by the safety checker",) if answer.get(HIDDEN) is True else ()
    return (*_another_size(request, picture), *hidden)


def _another_size(request: Request, picture: Picture) -> tuple[str, ...]:
    parameters = request.parameters
    width, height = parameters.get("width"), parameters.get("height")
    resized = any(parameters.get(name) not in (None, "no") for name in _RESIZING)
    if resized or width is None or height is None or (width, height) == (picture.width, picture.height):
        return ()
    return (f"{picture.width}×{picture.height}, asked {width}×{height}",)
