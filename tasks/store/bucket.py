"""Artifacts in an object store, so that machines without a common file system find what others have made.

    STAGE/FINGERPRINT/SHA256          a file's content
    STAGE/FINGERPRINT/record.json     put last, and only where there is none

Nothing that stands there is ever changed: of two machines that make the same artifact at once each puts its files, and
the record that comes first says which count.
"""

import json
import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from uuid import uuid4

if TYPE_CHECKING:
    from obstore.store import RetryConfig

VARIABLE = "LANCE_STORE"
SCHEMES = ("s3", "gs", "az", "file")
PART_BYTES = 8 * 2**20
# A server may be away for three minutes; obstore's own ten retries gave up after five seconds.
RETRIES: "RetryConfig" = {
    "max_retries": 1000,
    "retry_timeout": timedelta(minutes=3),
    "backoff": {"init_backoff": timedelta(seconds=0.2), "max_backoff": timedelta(seconds=5), "base": 2},
}


class Bucket:
    """`url` is s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX; who may is said by the environment, in
    the cloud's own variables (AWS_ACCESS_KEY_ID, GOOGLE_APPLICATION_CREDENTIALS, AZURE_STORAGE_ACCOUNT_KEY, ...).

    Requests are repeated for up to three minutes; then they raise obstore's errors.
    """

    def __init__(self, url: str):
        """Raises ValueError for an address that is none of an object store."""
        from obstore.store import from_url  # not in the environment that models run in

        if url.partition("://")[0] not in SCHEMES:
            raise ValueError(f"{VARIABLE}={url}: expected s3://, gs:// or az:// with a bucket and a prefix")
        self.url = url
        self._objects = from_url(url, retry_config=RETRIES)

    @classmethod
    def given(cls) -> Self | None:
        """That of LANCE_STORE."""
        url = os.environ.get(VARIABLE)
        return cls(url) if url else None

    def record(self, place: str) -> dict[str, Any] | None:
        """Of the artifact STAGE/FINGERPRINT; None where there is none."""
        import obstore

        try:
            found: dict[str, Any] = json.loads(bytes(obstore.get(self._objects, f"{place}/record.json").bytes()))
        except FileNotFoundError:
            return None
        return found

    def put(self, place: str, folder: Path, files: Mapping[str, str], record: Path) -> bool:
        """Files, by name with their SHA-256, and then the record; whether that is the one that counts from now on."""
        import obstore
        from obstore.exceptions import AlreadyExistsError

        there = {Path(str(one["path"])).name for part in obstore.list(self._objects, place) for one in part}
        if "record.json" in there:
            return False
        for name, digest in files.items():
            if digest not in there:
                obstore.put(self._objects, f"{place}/{digest}", folder / name)
        try:
            obstore.put(self._objects, f"{place}/record.json", record.read_bytes(), mode="create")
        except AlreadyExistsError:
            return False
        return True

    def get(self, place: str, record: Mapping[str, Any], folder: Path) -> None:
        """The artifact's files into the folder, as they are there; raises FileNotFoundError where one is gone."""
        import obstore

        for name, digest in record["files"].items():
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("wb") as out:
                for part in obstore.get(self._objects, f"{place}/{digest}").stream(min_chunk_size=PART_BYTES):
                    out.write(part)

    def check(self) -> None:
        """Raises ValueError where it cannot refuse what is there already, obstore's errors where nobody is let in."""
        import obstore
        from obstore.exceptions import AlreadyExistsError

        trial = f"doctor/{uuid4().hex}"
        obstore.put(self._objects, trial, b"first", mode="create")
        try:
            obstore.put(self._objects, trial, b"second", mode="create")
        except AlreadyExistsError:
            return
        finally:
            obstore.delete(self._objects, trial)
        raise ValueError(
            f"{self.url} replaces what is there where it was told not to (conditional writes): two machines could take "
            "each other's results; use a store that has them"
        )
