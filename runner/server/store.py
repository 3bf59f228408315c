"""Pictures that outlive the process: in a folder, or through fsspec in object storage.

    requests/NUMBER.json        what is known of a request that was made, with its pictures' digests; written last
    pictures/NUMBER-PLACE.png
    tracks/DIGEST               the number of the request whose `track_id` has this digest
    temporary/…                 the same three, of what lives for a day: a rule of the storage may delete these
    uploads/NUMBER.png          pictures that clients uploaded

What has no record does not exist, and a picture whose digest is not the record's does not either: writing may stop anywhere.

> Invariant 5, secrets are references: the storage's keys come from where its own tools look for them, never from an address.
"""

import asyncio
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from runner.errors import InputError, SweepError
from runner.nouns import Verdict

_Found = TypeVar("_Found")

HOMES: Final = ("", "temporary/")
"""Where requests lie, the temporary ones last."""

PROBE: Final = "probe"
"""File that is written and deleted to see whether a storage can be written."""


class StoreError(SweepError):
    """The storage does not take a file, or does not give one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What is known of a request that was made, as a later process needs it.

    Attributes:
        number: the server's name for it.
        finished: seconds since 1970.
        meta: what the answer says was used.
        encoded: whether its pictures are answered as base64 text.
        temporary: whether it lives for a day.
        base: the server's address as the client wrote it.
        track_id: its sender's name for it, or empty.
        seconds: the engines' time for all pictures.
        digests: SHA-256 of each picture, by place.
        verdicts: of each picture, by place.
    """

    number: int
    finished: float
    meta: Mapping[str, object]
    encoded: bool
    temporary: bool
    base: str
    track_id: str
    seconds: float
    digests: Sequence[str]
    verdicts: Sequence[Verdict]

    @property
    def home(self) -> str:
        """Return the folder that its files lie under."""
        return HOMES[self.temporary]

    def picture(self, place: int) -> str:
        """Return the name of a picture's file."""
        return f"{self.home}pictures/{self.number}-{place}.png"


class Store:
    """Requests that were made, and uploads, under one address. Files are read and written in threads.

    Every method raises StoreError where the storage fails; what is not there is None.
    """

    def __init__(self, address: str) -> None:
        """Take a folder, or an address that fsspec knows, such as s3://bucket/folder; nothing is opened yet.

        Raises:
            InputError: it carries a key, it is no address of a storage, or what reads it is not installed.
        """
        self.address = address
        self._files, self._root = _opened(address)

    def check(self) -> None:
        """Write a file and delete it; blocks."""
        with self._saying_where():
            self._write(PROBE, b"sweep")
            self._delete(PROBE)

    async def keep(self, record: Record, pictures: Sequence[bytes]) -> None:
        """Keep a request: its pictures first, and when they are there, its record."""
        files = {record.picture(place): picture for place, picture in enumerate(pictures)}
        files[_record_name(record.home, record.number)] = json.dumps(asdict(record)).encode("ascii")
        if record.track_id:
            files[_track_name(record.home, record.track_id)] = str(record.number).encode("ascii")
        await self._do(lambda: self._write_all(files))

    async def find(self, number: int) -> tuple[Record, tuple[bytes, ...]] | None:
        """Return a request and its pictures, as they were kept."""
        return await self._do(lambda: self._whole(number))

    async def find_track(self, track_id: str) -> int | None:
        """Return the number of the request that was made under a name."""
        return await self._do(lambda: self._tracked(track_id))

    async def forget(self, number: int) -> None:
        """Forget a request and its pictures, if it is there."""
        await self._do(lambda: self._remove(number))

    async def upload(self, number: int, picture: bytes) -> None:
        """Keep a picture that a client uploaded."""
        await self._do(lambda: self._write(_upload_name(number), picture))

    async def uploaded(self, number: int) -> bytes | None:
        """Return a picture that a client uploaded."""
        return await self._do(lambda: self._read(_upload_name(number)))

    async def forget_upload(self, number: int) -> None:
        """Forget a picture that a client uploaded, if it is there."""
        await self._do(lambda: self._delete(_upload_name(number)))

    def _record(self, number: int) -> Record | None:
        for home in HOMES:
            text = self._read(_record_name(home, number))
            if text is not None:
                return _read_record(text)
        return None

    def _whole(self, number: int) -> tuple[Record, tuple[bytes, ...]] | None:
        record = self._record(number)
        if record is None:
            return None
        found = [self._read(record.picture(place)) for place in range(len(record.digests))]
        pictures = tuple(picture for picture in found if picture is not None)
        return (record, pictures) if list(map(digest_of, pictures)) == list(record.digests) else None

    def _tracked(self, track_id: str) -> int | None:
        said = next(filter(None, (self._read(_track_name(home, track_id)) for home in HOMES)), b"")
        return int(said) if said.isdigit() else None

    def _remove(self, number: int) -> None:
        record = self._record(number)
        if record is None:
            return
        names = [_record_name(record.home, number), *map(record.picture, range(len(record.digests)))]
        for name in [*names, *([_track_name(record.home, record.track_id)] if record.track_id else [])]:
            self._delete(name)

    def _write(self, name: str, data: bytes) -> None:
        self._files.pipe_file(f"{self._root}/{name}", data)

    def _write_all(self, files: Mapping[str, bytes]) -> None:
        for name, data in files.items():
            self._write(name, data)

    def _read(self, name: str) -> bytes | None:
        try:
            data: bytes = self._files.cat_file(f"{self._root}/{name}")
        except FileNotFoundError:
            return None
        return data

    def _delete(self, name: str) -> None:
        try:
            self._files.rm_file(f"{self._root}/{name}")
        except FileNotFoundError:
            return

    async def _do(self, work: Callable[[], _Found]) -> _Found:
        with self._saying_where():
            return await asyncio.to_thread(work)

    @contextmanager
    def _saying_where(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # each storage has errors of its own kind
            said = str(error).partition("\n")[0] or type(error).__name__
            raise StoreError(
                f"store {self.address}: {said[:300]}; it has to exist and to let this process write, read and delete "
                "files: look at its address, and at the keys in the environment"
            ) from error


def writable(address: str) -> Store | None:
    """Return a storage once it has been written to from here, None for no address. Raises InputError, StoreError."""
    if not address:
        return None
    store = Store(address)
    store.check()
    return store


def digest_of(data: bytes) -> str:
    """Return the SHA-256 of bytes, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def _opened(address: str) -> tuple[Any, str]:
    """Return the file system of an address, and the path of the address in it. Raises InputError."""
    try:
        parts = urlsplit(address)
        if parts.username or parts.password:
            raise InputError(
                "store: the address carries a key, which would stand in the process list and in logs; leave it out and set "
                "the variables that the storage's own tools read (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY for s3)"
            )
        from fsspec.core import url_to_fs  # noqa: PLC0415  # of the extra

        options = {} if "://" in address else {"auto_mkdir": True}
        files, root = url_to_fs(address, **options)
    except ImportError as error:
        raise InputError(
            f"store {address}: what reads it is not installed ({error}); a folder and s3:// need the extra: "
            "pip install 'sweeprunner[store]'"
        ) from error
    except ValueError as error:
        raise InputError(
            f"store {address[:200]}: no storage ({error}); it is a folder, or an address such as s3://bucket/folder"
        ) from error
    return files, root.rstrip("/")


def _read_record(text: bytes) -> Record | None:
    """Return a record, None where the text is torn or another program's."""
    try:
        said = json.loads(text)
        return Record(**{**said, "verdicts": [Verdict(each) for each in said["verdicts"]]})
    except (ValueError, TypeError, KeyError):
        return None


def _record_name(home: str, number: int) -> str:
    return f"{home}requests/{number}.json"


def _track_name(home: str, track_id: str) -> str:
    return f"{home}tracks/{digest_of(track_id.encode('utf-8', 'surrogatepass'))}"


def _upload_name(number: int) -> str:
    return f"uploads/{number}.png"
