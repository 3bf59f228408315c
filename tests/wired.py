"""An answer of a server as a client takes it, at one moment, and a client that has no local images."""

from runner import wire

NOW = 1_700_000_000.0


def answer(status: int, payload: object, headers: dict[str, str] | None = None) -> object:
    return wire.answer(status, headers or {}, payload, now=NOW)


def no_image(hexadecimal: str) -> bytes:
    raise AssertionError(f"no local image was asked for, and {hexadecimal} was loaded")
