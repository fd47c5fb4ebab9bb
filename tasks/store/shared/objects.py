"""Objects in a bucket of S3, Google Cloud or Azure: put only where there is none, replaced only as they were seen."""

import functools
import os
import time
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from uuid import uuid4

if TYPE_CHECKING:
    from obstore.store import RetryConfig

VARIABLE = "LANCE_STORE"
SCHEMES = ("s3", "gs", "az")
CREDENTIALS = ("AWS_", "GOOGLE_", "AZURE_")  # beginnings of the variables that clouds read
PART_BYTES = 32 * 2**20
FILE_TIMEOUT, TEXT_TIMEOUT = "60s", "10s"  # of a request; a lease is renewed in less than it takes to lose it
RETRY_S = 180.0
# A server may be away for three minutes; obstore's own ten retries gave up after five seconds.
RETRIES: "RetryConfig" = {
    "max_retries": 1000,
    "retry_timeout": timedelta(seconds=RETRY_S),
    "backoff": {"init_backoff": timedelta(seconds=0.2), "max_backoff": timedelta(seconds=5), "base": 2},
}
Version = dict[str, str]  # ETag, and with Google its generation


class Seen(NamedTuple):
    text: str
    version: Version


class Entry(NamedTuple):
    key: str
    size_bytes: int
    changed: datetime


class Objects:
    """`url` is s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX; who may is said by the environment, in
    the cloud's own variables (AWS_ACCESS_KEY_ID, GOOGLE_APPLICATION_CREDENTIALS, AZURE_STORAGE_ACCOUNT_KEY, ...).

    Requests are repeated for up to three minutes; then they raise obstore's errors.
    """

    def __init__(self, url: str):
        """Raises ValueError for an address that is none of an object store."""
        from obstore.store import from_url  # not in the environment that models run in

        scheme, _, rest = url.rstrip("/").partition("://")
        if scheme not in SCHEMES or not all(rest.partition("/")[::2]):  # `lance gc` deletes below it
            raise ValueError(f"{VARIABLE}={url}: expected s3://, gs:// or az:// with a bucket and a prefix")
        self.url = url.rstrip("/")
        # What is given here hides this one of the cloud's own variables.
        http = any(os.environ.get(f"{cloud}ALLOW_HTTP", "").lower() == "true" for cloud in CREDENTIALS)
        self._at, self._texts = (
            from_url(self.url, retry_config=RETRIES, client_options={"timeout": timeout, "allow_http": http})
            for timeout in (FILE_TIMEOUT, TEXT_TIMEOUT)
        )

    @staticmethod
    def given() -> "Objects | None":
        """Those of LANCE_STORE; the same one each time, with its open connections."""
        if not (url := os.environ.get(VARIABLE)):
            return None
        said = sorted(pair for pair in os.environ.items() if pair[0].startswith(CREDENTIALS))
        return _connected(url, tuple(said))

    def read(self, key: str) -> Seen | None:
        """None where there is no such object."""
        import obstore

        try:
            found = obstore.get(self._texts, key)
        except FileNotFoundError:
            return None
        return Seen(bytes(found.bytes()).decode(), _version(found.meta))

    def create(self, key: str, text: str) -> Version | None:
        """None where another text stands there."""
        return self._put(key, text, "create")

    def replace(self, key: str, text: str, seen: Version) -> Version | None:
        """None where another version than was seen stands there, or none."""
        return self._put(key, text, seen)

    def _put(self, key: str, text: str, mode: Literal["create"] | Version) -> Version | None:
        import obstore
        from obstore.exceptions import AlreadyExistsError, GenericError, PreconditionError

        until = time.monotonic() + RETRY_S
        while True:
            try:
                return _version(obstore.put(self._texts, key, text.encode(), mode=mode))  # type: ignore[arg-type]
            except (AlreadyExistsError, PreconditionError):
                there = self.read(key)  # ours, perhaps: its request was repeated, for the answer had been lost
                return there.version if there and there.text == text else None
            except GenericError as error:  # obstore repeats no put under a condition that has hung
                if "kind: Timeout" not in str(error) or time.monotonic() > until:
                    raise

    def put_file(self, key: str, file: Path) -> None:
        import obstore

        obstore.put(self._at, key, file)

    def get_file(self, key: str, file: Path) -> None:
        """Raises FileNotFoundError where there is no such object."""
        import obstore

        size = obstore.head(self._at, key)["size"]
        with file.open("wb") as out:
            for start in range(0, size, PART_BYTES):  # each within the time that a request may take
                stop = min(start + PART_BYTES, size)
                out.write(obstore.get_range(self._at, key, start=start, end=stop))

    def entries(self, prefix: str) -> Iterator[Entry]:
        """All below it."""
        import obstore

        for part in obstore.list(self._at, prefix):
            for one in part:
                yield Entry(str(one["path"]), one["size"], one["last_modified"])

    def remove(self, keys: Iterable[str]) -> None:
        import obstore

        for key in keys:
            try:
                obstore.delete(self._at, key)
            except FileNotFoundError:  # some clouds say so
                continue

    def check(self) -> None:
        """Raises ValueError where it cannot refuse what is there already, obstore's errors where nobody is let in."""
        trial = f"doctor/{uuid4().hex}"
        first = self.create(trial, "first")
        try:
            keeps = first and not self.create(trial, "second")
            if first and keeps and self.replace(trial, "third", first) and not self.replace(trial, "fourth", first):
                return
        finally:
            self.remove([trial])
        raise ValueError(
            f"{self.url} replaces what is there where it was told not to (conditional writes): two machines could take "
            "each other's results; use a store that has them"
        )


@functools.cache
def _connected(url: str, credentials: tuple[tuple[str, str], ...]) -> Objects:
    return Objects(url)


def _version(meta: Any) -> Version:
    return {name: meta[name] for name in ("e_tag", "version") if meta.get(name)}
