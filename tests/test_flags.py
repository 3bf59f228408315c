"""What is odd about a picture that came is said in words, and nothing is said of the others."""

import pytest

from runner.flags import flags
from runner.nouns import Picture, Request, Value

PICTURE = Picture(sha256="a" * 64, width=512, height=512, size=9)


@pytest.mark.parametrize(
    ("asked", "answer", "found"),
    [
        ({"width": 512, "height": 512}, {}, ()),
        ({}, {}, ()),
        ({"width": 256, "height": 512}, {}, ("512×512, asked 256×512",)),
        ({"width": 256, "height": 256, "upscale": "no"}, {}, ("512×512, asked 256×256",)),
        ({"width": 256, "height": 256, "upscale": "yes"}, {}, ()),
        ({}, {"nsfw_content_detected": True}, ("hidden by the safety checker",)),
        ({}, {"nsfw_content_detected": False}, ()),
        ({}, {"nsfw_content_detected": "maybe"}, ()),
        (
            {"width": 768, "height": 512},
            {"nsfw_content_detected": True},
            ("512×512, asked 768×512", "hidden by the safety checker"),
        ),
    ],
)
def test_a_picture_of_another_size_or_a_hidden_one_is_flagged(
    asked: dict[str, Value], answer: dict[str, object], found: tuple[str, ...]
) -> None:
    assert flags(Request(endpoint="text2img", parameters=asked), answer, PICTURE) == found
