"""A request in the words that other tools read from a picture: AUTOMATIC1111's "PNG Info", and JSON beside it.

    parameters    the prompt, a line `Negative prompt: …` where there is one, and `Steps: …, Sampler: …, CFG scale: …`
    sweeprunner   JSON: the exact request, the answer, the cell

The first is for people and their tools. Its grammar takes any line that begins with "Negative prompt:" for the mark; where a
prompt has such a line of its own, the N becomes a small letter, which no text encoder of CLIP's kind can tell from a large
one. The second is exact.
"""

import json
import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from itertools import zip_longest

TEXT, EXACT = "parameters", "sweeprunner"
"""Keywords of the two texts."""

SAMPLERS: Mapping[str, str] = {
    "DDIMScheduler": "DDIM",
    "PNDMScheduler": "PLMS",
    "LMSDiscreteScheduler": "LMS",
    "EulerDiscreteScheduler": "Euler",
    "EulerAncestralDiscreteScheduler": "Euler a",
    "HeunDiscreteScheduler": "Heun",
    "KDPM2DiscreteScheduler": "DPM2",
    "KDPM2AncestralDiscreteScheduler": "DPM2 a",
    "DPMSolverMultistepScheduler": "DPM++ 2M",
    "UniPCMultistepScheduler": "UniPC",
    "LCMScheduler": "LCM",
}
"""Samplers of that program by the scheduler that does the same; others keep their own name, which it does not know."""

OWN_MARK = re.compile(r"^(\s*)N(?=egative prompt:)", re.MULTILINE)
"""A line of a prompt that would be taken for the mark of the negative prompt."""

PNG_START = b"\x89PNG\r\n\x1a\n"
TEXT_CHUNKS = (b"tEXt", b"zTXt", b"iTXt")
_HEADER = len(PNG_START) + 25  # the chunk IHDR, which comes first, has 25 bytes


def infotext(parameters: Mapping[str, object], *, seed: int | None, size: tuple[int, int], place: int = 0) -> str:
    """Return a request as AUTOMATIC1111 writes it into its pictures.

    Args:
        parameters: of the request.
        seed: that the first of its pictures was made with; None where the server does not say.
        size: of this picture, width and height in pixels.
        place: of this picture among those of the request.
    """
    prompt = " ".join([str(parameters.get("prompt") or ""), *_loras(parameters)]).strip()
    negative = str(parameters.get("negative_prompt") or "")
    prompt, negative = (OWN_MARK.sub(r"\1n", text) for text in (prompt, negative))
    lines = [prompt, *([f"Negative prompt: {negative}"] if negative else [])]
    said = ", ".join(f"{name}: {_quoted(value)}" for name, value in _facts(parameters, seed, size, place))
    return "\n".join([*lines, said])


def with_texts(png: bytes, texts: Mapping[str, str]) -> bytes:
    """Return a PNG file with texts by their keywords (PNG specification 11.3.4.5, iTXt) in the place of those it had.

    Its pixels are as they were.

    Raises:
        ValueError: the bytes are no PNG file.
    """
    if not png.startswith(PNG_START) or png[12:16] != b"IHDR":
        raise ValueError("these bytes are no PNG file; texts are written into PNG files alone")
    chunks = b"".join(_chunk(keyword, text) for keyword, text in texts.items())
    return png[:_HEADER] + chunks + _without(png[_HEADER:], set(texts))


def _without(chunks: bytes, keywords: set[str]) -> bytes:
    """Return chunks of a PNG file less the texts of some keywords; what is no whole chunk stays as it is."""
    kept, start = [], 0
    while start + 12 <= len(chunks):
        end = start + 12 + int.from_bytes(chunks[start : start + 4], "big")
        keyword = chunks[start + 8 : end - 4].partition(b"\0")[0].decode("latin-1")
        if chunks[start + 4 : start + 8] not in TEXT_CHUNKS or keyword not in keywords:
            kept.append(chunks[start:end])
        start = end
    return b"".join(kept) + chunks[start:]


def _chunk(keyword: str, text: str) -> bytes:
    data = keyword.encode("latin-1") + b"\0\0\0\0\0" + text.encode("utf-8", "replace")
    return struct.pack(">I", len(data)) + b"iTXt" + data + struct.pack(">I", zlib.crc32(b"iTXt" + data))


def exact(**facts: object) -> str:
    """Return facts as the JSON of the second text."""
    return json.dumps(facts, ensure_ascii=False, sort_keys=True, default=str)


def _facts(
    parameters: Mapping[str, object], seed: int | None, size: tuple[int, int], place: int
) -> Iterator[tuple[str, object]]:
    """Yield that program's names with their values, as far as it has a name."""
    scheduler = str(parameters.get("scheduler") or "")
    known = {
        "Steps": parameters.get("num_inference_steps"),
        "Sampler": SAMPLERS.get(scheduler, scheduler) or None,
        "Schedule type": "Karras" if parameters.get("use_karras_sigmas") == "yes" else None,
        "CFG scale": parameters.get("guidance_scale"),
        "Seed": seed,
        "Size": f"{size[0]}x{size[1]}",
        "Model": parameters.get("model_id"),
        "VAE": parameters.get("vae"),
        "Denoising strength": parameters.get("strength"),
        "Clip skip": parameters.get("clip_skip"),
        "Picture": place + 1 if place else None,
    }
    yield from ((name, value) for name, value in known.items() if value is not None)


def _loras(parameters: Mapping[str, object]) -> Iterator[str]:
    names = [name.strip() for name in str(parameters.get("lora_model") or "").split(",") if name.strip()]
    strengths = str(parameters.get("lora_strength") or "").split(",")
    for name, strength in zip_longest(names, strengths[: len(names)], fillvalue=""):
        yield f"<lora:{name}:{strength.strip() or 1}>"


def _quoted(value: object) -> str:
    """Return a value as the program's own grammar reads it back: quoted where it holds what separates values."""
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if any(sign in text for sign in ',\n:"') or not text else text
