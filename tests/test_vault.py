"""Bytes by their digest: stored whole, decoded first, with a thumbnail."""

import hashlib
import io
import random
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from runner.errors import ImageError, InputError, RunFolderError
from runner.nouns import Picture
from runner.vault import Vault, decode, image_path, input_path, thumbnail, thumbnail_path, upright

GRADIENT = Image.linear_gradient("L").resize((40, 30)).convert("RGB")
ORIENTATION = 0x0112


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def reopened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return exif


WHOLE = {
    "png": encoded(GRADIENT),
    "palette": encoded(GRADIENT.convert("P"), transparency=0),
    "jpeg": encoded(GRADIENT, "JPEG", exif=turned(6)),
    "webp": encoded(GRADIENT, "WEBP"),
    "lossless": encoded(GRADIENT, "WEBP", lossless=True),
    "animated": encoded(GRADIENT, "WEBP", save_all=True, append_images=[GRADIENT.rotate(180)]),
    "sixteen": encoded(Image.new("I;16", (9, 7), 30000)),
}


# --- what is stored ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("case", "kind"), [("png", "png"), ("jpeg", "jpeg"), ("webp", "webp"), ("animated", "webp")])
def test_an_image_is_stored_unchanged_under_its_digest(case: str, kind: str, tmp_path: Path) -> None:
    data = WHOLE[case]
    sha256 = hashlib.sha256(data).hexdigest()
    width, height = (30, 40) if case == "jpeg" else (40, 30)
    picture = Vault(tmp_path).put(data)
    assert picture == Picture(sha256=sha256, width=width, height=height, size=len(data), format=kind)
    assert (tmp_path / f"images/{sha256[:2]}/{sha256}.{kind}").read_bytes() == data
    assert reopened((tmp_path / thumbnail_path(sha256)).read_bytes()).size == (width, height)


def test_the_same_bytes_twice_are_one_file(tmp_path: Path) -> None:
    vault = Vault(tmp_path)
    assert vault.put(WHOLE["png"]) == vault.put(WHOLE["png"])
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 2


def test_bytes_that_a_crash_left_half_written_are_written_again(tmp_path: Path) -> None:
    path = tmp_path / image_path(hashlib.sha256(WHOLE["png"]).hexdigest())
    path.parent.mkdir(parents=True)
    path.write_bytes(WHOLE["png"][:50])
    Vault(tmp_path).put(WHOLE["png"])
    assert path.read_bytes() == WHOLE["png"]


def test_many_threads_may_bring_the_same_image(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        pictures = list(pool.map(Vault(tmp_path).put, [WHOLE["png"]] * 24))
    assert len(set(pictures)) == 1
    assert not list(tmp_path.rglob("*.part"))


# --- what is refused -----------------------------------------------------------------------------------------------

GIF = encoded(GRADIENT, "GIF")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "0 bytes are no image in PNG, JPEG, WEBP"),
        (b"<!doctype html><title>404", "25 bytes of HTML or XML are no image in PNG, JPEG, WEBP"),
        (b' {"message": "no"}', "18 bytes of JSON are no image in PNG, JPEG, WEBP"),
        (b"sk-live-0123456789", "18 bytes of text are no image in PNG, JPEG, WEBP"),
        (b"\xff\x00 sk-live", "10 bytes of an unknown kind are no image in PNG, JPEG, WEBP"),
        (GIF, f"{len(GIF)} bytes of GIF are no image in PNG, JPEG, WEBP"),
        (WHOLE["png"][:-12], f"{len(WHOLE['png']) - 12} bytes are a PNG that was cut off at its end"),
    ],
)
def test_what_is_no_image_is_refused_and_leaves_nothing(data: bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(ImageError) as caught:
        Vault(tmp_path).put(data)
    assert str(caught.value) == message
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("case", WHOLE)
def test_an_image_cut_off_anywhere_is_refused(case: str) -> None:
    for length in range(len(WHOLE[case])):
        with pytest.raises(ImageError):
            decode(WHOLE[case][:length])


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # Pillow remarks on broken EXIF data, which turns nothing
@pytest.mark.parametrize("case", WHOLE)
def test_broken_bytes_are_refused_or_have_a_thumbnail_and_never_crash(case: str) -> None:
    chance, whole = random.Random(case), WHOLE[case]
    for _ in range(300):
        broken = bytearray(whole)
        for _ in range(chance.choice([1, 1, 2, 8])):
            broken[chance.randrange(min(len(broken), chance.choice([60, len(broken)])))] = chance.randrange(256)
        try:
            image, _kind = decode(bytes(broken))
        except ImageError:
            continue
        assert reopened(thumbnail(upright(image))).format == "WEBP"


def claiming(width: int, height: int) -> bytes:
    """Return a small PNG whose header claims a size."""
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 64)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )


@pytest.mark.parametrize("side", [8_001, 12_000, 40_000])
def test_a_decompression_bomb_is_refused_before_it_is_unpacked(side: int) -> None:
    with pytest.raises(ImageError):
        decode(claiming(side, side))


def test_the_largest_image_is_named() -> None:
    with pytest.raises(ImageError) as caught:
        decode(claiming(8_001, 8_001))
    assert str(caught.value) == "an image of 8001 by 8001 pixels is refused; at most 64,000,000 fit"


# --- thumbnails ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "small"),
    [((512, 512), (256, 256)), ((768, 512), (256, 171)), ((100, 60), (100, 60)), ((1024, 2), (256, 1))],
)
def test_a_thumbnail_has_256_pixels_on_the_longer_side_at_most(size: tuple[int, int], small: tuple[int, int]) -> None:
    assert reopened(thumbnail(Image.new("RGB", size))).size == small


def test_a_thumbnail_leaves_its_image_as_it_is() -> None:
    small, large = GRADIENT.copy(), GRADIENT.resize((700, 500))
    for image in (small, large):
        before = (image.size, image.tobytes())
        thumbnail(image)
        assert (image.size, image.tobytes()) == before


def test_a_thumbnail_is_the_same_bytes_each_time() -> None:
    large = GRADIENT.resize((700, 500))
    assert thumbnail(large) == thumbnail(large.copy())


@pytest.mark.parametrize(
    ("image", "kind", "colour"),
    [
        pytest.param(Image.new("1", (8, 8), 1), "PNG", (255, 255, 255), id="one bit"),
        pytest.param(Image.new("L", (8, 8), 90), "PNG", (90, 90, 90), id="grey"),
        pytest.param(Image.new("I;16", (8, 8), 0x8000), "PNG", (128, 128, 128), id="16 bits of grey"),
        pytest.param(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG", (254, 0, 0), id="CMYK"),
        pytest.param(Image.new("RGB", (8, 8), (0, 0, 255)).quantize(4), "PNG", (0, 0, 255), id="palette"),
        pytest.param(Image.new("RGBA", (8, 8), (0, 0, 0, 0)), "PNG", (0, 0, 0, 0), id="transparent"),
        pytest.param(Image.new("RGBA", (8, 8), (0, 255, 0, 128)), "PNG", (0, 255, 0, 128), id="half transparent"),
        pytest.param(Image.new("LA", (8, 8), (90, 255)), "PNG", (90, 90, 90), id="grey and opaque"),
    ],
)
def test_a_thumbnail_has_the_colours_of_its_image(image: Image.Image, kind: str, colour: tuple[int, ...]) -> None:
    decoded, _ = decode(encoded(image, kind))
    small = reopened(thumbnail(decoded))
    found = small.getpixel((4, 4))
    assert isinstance(found, tuple)
    shown = found if len(colour) == 4 else found[:3]
    assert all(abs(one - other) <= 3 for one, other in zip(shown, colour, strict=True)), found


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_thumbnail_stands_as_browsers_show_the_image(orientation: int) -> None:
    marked = Image.new("RGB", (16, 8))
    marked.paste((255, 255, 255), (0, 0, 8, 8))
    image, _ = decode(encoded(marked, "PNG", exif=turned(orientation)))
    left, top = {1: (3, 4), 2: (12, 4), 3: (12, 4), 4: (3, 4), 5: (4, 3), 6: (4, 3), 7: (4, 12), 8: (4, 12)}[
        orientation
    ]
    small = reopened(thumbnail(upright(image)))
    assert small.size == ((16, 8) if orientation < 5 else (8, 16))
    bright = small.convert("L").getpixel((left, top))
    assert isinstance(bright, int)
    assert bright > 200


def test_broken_exif_data_turns_nothing() -> None:
    data = encoded(GRADIENT, "WEBP", exif=b"Exif\0\0MM\0\x99\0\0\0\x08")
    image, _ = decode(data)
    assert upright(image).size == (40, 30)


# --- initial images ------------------------------------------------------------------------------------------------


def test_an_initial_image_is_kept_and_loaded_by_its_digest(tmp_path: Path) -> None:
    source, vault = tmp_path / "house.png", Vault(tmp_path / "run")
    source.write_bytes(WHOLE["png"])
    sha256 = hashlib.sha256(WHOLE["png"]).hexdigest()
    vault.keep_input(source, sha256)
    source.unlink()
    vault.keep_input(source, sha256)
    assert vault.load_input(sha256) == WHOLE["png"]


def test_an_initial_image_that_changed_since_the_plan_is_refused(tmp_path: Path) -> None:
    source, vault = tmp_path / "house.png", Vault(tmp_path / "run")
    source.write_bytes(WHOLE["webp"])
    with pytest.raises(InputError) as caught:
        vault.keep_input(source, hashlib.sha256(WHOLE["png"]).hexdigest())
    assert str(caught.value) == f"{source}: the image has changed since the experiment was planned; plan it again"
    assert not (tmp_path / "run").exists()


def test_an_initial_image_that_is_gone_is_said_in_words(tmp_path: Path) -> None:
    with pytest.raises(InputError) as gone:
        Vault(tmp_path).keep_input(tmp_path / "house.png", "ab" * 32)
    with pytest.raises(RunFolderError) as lacking:
        Vault(tmp_path).load_input("ab" * 32)
    assert str(gone.value) == (
        f"{tmp_path / 'house.png'}: No such file or directory; the experiment was planned with this image: put it back"
    )
    assert str(lacking.value) == (
        f"{tmp_path / input_path('ab' * 32)}: an initial image or mask of this run is missing; "
        "run the experiment file again"
    )


@pytest.mark.parametrize("text", ["", "../../etc/passwd", "AB" * 32, "ab" * 31 + "a/", "ab" * 33, "ab" * 32 + "\n"])
def test_what_is_no_digest_is_never_a_path(text: str, tmp_path: Path) -> None:
    for path in (input_path, image_path, thumbnail_path, Vault(tmp_path).load_input):
        with pytest.raises(ValueError, match="is no digest of an image; a digest has 64 digits 0-9 and a-f"):
            path(text)
