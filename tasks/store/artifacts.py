"""The store: folders of Parquet tables or model files, each with a `record.json` that is written last.

    store = Store(Path(".lance/store"))
    spec = Spec(stage="split", version=1, config={...}, inputs={"reviews": reviews.digest})
    with store.draft(spec) as draft:
        draft.table("rows", rows)
    ref = store.find(spec)          # None if missing, incomplete or altered

An artifact's identity is its spec's fingerprint: what was done (stage, version, config) to which content (the digests
of the inputs' files). A folder without its record does not exist; a file that no longer has its digest makes the
artifact count as missing, and it is made again.
"""

import contextlib
import json
import os
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict

from tasks.store import tables
from tasks.store.bucket import Bucket
from tasks.store.files import Memory, content, lock_of, locked, sweep, write_durably
from tasks.store.home import Home
from tasks.store.provenance import provenance
from tasks.store.rows import Row, digest

R = TypeVar("R", bound=Row)
RECORD = "record.json"
NO_FILES = digest({})


class Spec(BaseModel):
    """What makes an artifact the one it is. How it is made (GPUs, ports, paths, retries) is not part of it."""

    model_config = ConfigDict(frozen=True)
    stage: str
    version: int
    config: dict[str, Any] = {}
    inputs: dict[str, str] = {}  # name -> content digest of an artifact, a prompt, a model
    sampling: dict[str, int] = {}  # evolution seed and iteration, for stages that sample

    @property
    def fingerprint(self) -> str:
        return digest(self.model_dump(mode="json"))[:24]


class Ref(BaseModel):
    """A small reference to an artifact; what flows and tasks pass around instead of rows."""

    model_config = ConfigDict(frozen=True)
    stage: str
    fingerprint: str
    digest: str  # of the content: names and SHA-256 of all data files

    @property
    def identity(self) -> str:
        """Its content; of an artifact without files, whose figures are in its record alone, what made it."""
        return self.fingerprint if self.digest == NO_FILES else self.digest


class Draft:
    """An artifact that is being written, in a folder beside its final place."""

    def __init__(self, path: Path):
        self.path = path
        self.record: dict[str, Any] = {}  # counts, rejects, tokens: what a person asks later

    def table(self, name: str, rows: Iterable[Row]) -> None:
        self.record.setdefault("rows", {})[name] = tables.write(self.path / f"{name}.parquet", rows)


class Store:
    """All artifacts below one folder. Safe for several processes: a folder appears whole or not at all.

    With a `bucket`, what is made here is put there, and what is not here is looked for there.
    """

    def __init__(self, root: Path, bucket: Bucket | None = None):
        self.root, self.bucket = root, bucket

    @classmethod
    def of(cls, home: Home) -> "Store":
        """A home's, with the bucket that LANCE_STORE names."""
        return cls(home.store, Bucket.given())

    def path(self, ref: Ref | Spec) -> Path:
        return self.root / ref.stage / ref.fingerprint

    def find(self, wanted: Spec | Ref) -> Ref | None:
        """The artifact, its files verified (tasks/store/files.py); None if it is missing, incomplete or altered.

        One that is in the bucket alone is brought here, one that is here alone is put there.
        """
        found = self._here(wanted)
        if self.bucket and found and not _shared(self.path(found)).exists():
            self._share(self.bucket, self.path(found))  # another one that is there changes nothing of what followed
        if self.bucket and not found:
            found = self._brought(self.bucket, wanted)
        return found

    def _here(self, wanted: Spec | Ref) -> Ref | None:
        path = self.path(wanted)
        try:
            record = json.loads((path / RECORD).read_text())
            if content(path, RECORD, memory_of(path)) != record["files"] or digest(record["files"]) != record["digest"]:
                return None
        except (OSError, ValueError, KeyError):
            return None
        if isinstance(wanted, Ref) and wanted.digest != record["digest"]:
            return None
        return Ref(stage=wanted.stage, fingerprint=wanted.fingerprint, digest=record["digest"])

    @contextlib.contextmanager
    def draft(self, spec: Spec) -> Iterator[Draft]:
        """A folder to write into; it becomes the artifact when the block ends, and is removed when it raises."""
        final = self.path(spec)
        final.parent.mkdir(parents=True, exist_ok=True)
        sweep(final)
        started = time.time()
        draft = Draft(final.with_name(f".{final.name}.{secrets.token_hex(6)}.tmp"))
        lock = locked(draft.path)
        try:
            draft.path.mkdir()
            yield draft
            files = content(draft.path, RECORD, memory_of(final))  # as it will be found there
            record = spec.model_dump(mode="json") | {"fingerprint": spec.fingerprint, "files": files}
            record |= {"digest": digest(files), "seconds": round(time.time() - started, 3)}
            record |= draft.record | provenance()
            write_durably(draft.path / RECORD, json.dumps(record, indent=1, ensure_ascii=False))
            if self.find(spec):  # another run made it meanwhile: what followed from that stays true
                return
            if self.bucket and not self._share(self.bucket, draft.path, final):
                if not self._brought(self.bucket, spec):
                    raise OSError(f"{self.bucket.url}: {_place(final)} is there, and not whole: delete it there")
                return
            self._replace(final, draft.path)
        finally:
            os.close(lock)
            lock_of(draft.path).unlink(missing_ok=True)
            sweep(final)

    def _replace(self, final: Path, made: Path) -> None:
        if final.exists():
            final.rename(final.with_name(f".{final.name}.{secrets.token_hex(6)}.tmp"))
        made.rename(final)

    def _share(self, bucket: Bucket, folder: Path, final: Path | None = None) -> bool:
        """Put the artifact into the bucket; whether it is the one that counts there."""
        final, files = final or folder, json.loads((folder / RECORD).read_text())["files"]
        counts = bucket.put(_place(final), folder, files, folder / RECORD)
        _shared(final).touch()
        return counts

    def _brought(self, bucket: Bucket, wanted: Spec | Ref) -> Ref | None:
        """The artifact from the bucket, verified; None where there is none, or another one than was wanted."""
        final = self.path(wanted)
        record = bucket.record(_place(final))
        if record is None or (isinstance(wanted, Ref) and wanted.digest != record["digest"]):
            return None
        folder = final.with_name(f".{final.name}.{secrets.token_hex(6)}.tmp")
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = locked(folder)
        try:
            folder.mkdir()
            with contextlib.suppress(FileNotFoundError):  # a file is gone: not whole, as is seen below
                bucket.get(_place(final), record, folder)
            write_durably(folder / RECORD, json.dumps(record, indent=1, ensure_ascii=False))
            _shared(final).touch()
            self._replace(final, folder)
        finally:
            os.close(lock)
            lock_of(folder).unlink(missing_ok=True)
            sweep(final)
        return self._here(wanted)

    def altered(self) -> Iterator[Path]:
        """Artifacts whose files are not those that were written, each byte read; they count as missing from then on."""
        for path in sorted(self.root.glob("[!.]*/[!.]*/" + RECORD)):
            folder = path.parent
            with contextlib.suppress(OSError, ValueError, KeyError):  # not a record any more
                record = json.loads(path.read_text())
                if content(folder, RECORD) == record["files"] and digest(record["files"]) == record["digest"]:
                    continue
            memory_of(folder).forget()
            yield folder

    def record(self, ref: Ref) -> dict[str, Any]:
        record: dict[str, Any] = json.loads((self.path(ref) / RECORD).read_text())
        return record

    def of_stage(self, stage: str, fits: Callable[[dict[str, Any]], bool]) -> Iterator[Ref]:
        """Artifacts of a stage whose record fits, each verified as `find` does."""
        for path in sorted((self.root / stage).glob("[!.]*/" + RECORD)):
            with contextlib.suppress(OSError, ValueError, KeyError):  # not a record any more
                record = json.loads(path.read_text())
                ref = Ref(stage=stage, fingerprint=path.parent.name, digest=record["digest"])
                if fits(record) and self.find(ref):
                    yield ref

    def rows(self, refs: Ref | Iterable[Ref], kind: type[R], table: str = "rows") -> tables.Rows[R]:
        """The rows of one table, of one artifact or of several behind each other.

        Raises FileNotFoundError for a table that the artifact does not have, ValueError for rows of another version.
        """
        found = [refs] if isinstance(refs, Ref) else list(refs)
        try:
            return tables.read([self.path(ref) / f"{table}.parquet" for ref in found], kind)
        except ValueError as error:
            written_by = ", ".join(sorted({self.record(ref).get("commit") or "another version" for ref in found}))
            raise ValueError(
                f"{error} (written by {written_by}); read it with that version, or move its folder away and have it "
                "recomputed"
            ) from error


def memory_of(folder: Path) -> Memory:
    return Memory(folder.with_name(f".{folder.name}.digests"))


def _place(folder: Path) -> str:
    """Of an artifact in a bucket."""
    return f"{folder.parent.name}/{folder.name}"


def _shared(folder: Path) -> Path:
    """There once the artifact is in the bucket, or another one of the same name."""
    return folder.with_name(f".{folder.name}.shared")
