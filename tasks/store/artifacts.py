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
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict

from tasks.store import tables
from tasks.store.files import RECORD, Memory, beside, content, put_in_place, recorded_digest, write_durably
from tasks.store.home import Home
from tasks.store.kept import Kept
from tasks.store.provenance import provenance
from tasks.store.rows import Row, digest
from tasks.store.shared.bucket import Bucket, place

R = TypeVar("R", bound=Row)
NO_FILES = digest({})
NO_RECORD = (OSError, ValueError, KeyError, TypeError)  # what reading one that was altered raises


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
    digest: str  # of the content: names and SHA-256 of all data files; "": of whatever stands there

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

    @property
    def kept(self) -> Kept:
        """What was computed of texts, beside the artifacts: it can be computed again."""
        return Kept(self.root.with_name("caches") / "texts")

    def path(self, ref: Ref | Spec) -> Path:
        """Where it lies, or would."""
        return self.root / ref.stage / ref.fingerprint

    def folder(self, ref: Ref) -> Path:
        """Where it lies, brought there if it is in the bucket alone."""
        path = self.path(ref)
        if self.bucket and not (path / RECORD).exists():
            self._brought(self.bucket, ref)
        return path

    def table_files(self, ref: Ref) -> list[Path]:
        """The files of its tables, brought here if need be; none of a model, or of an artifact that is gone."""
        try:
            return sorted(self.folder(ref).glob("*.parquet")) if self.record(ref).get("rows") else []
        except FileNotFoundError:
            return []

    def find(self, wanted: Spec | Ref) -> Ref | None:
        """The artifact, its files verified (tasks/store/files.py); None if it is missing, incomplete or altered.

        One that is in the bucket alone is brought here, one that is here alone is put there.
        """
        found, path = self._here(wanted), self.path(wanted)
        if self.bucket and found and not self.bucket.settled(path):
            self.bucket.share(path, path)  # another one that is there changes nothing of what followed
        return found or (self._brought(self.bucket, wanted) if self.bucket else None)

    def _brought(self, bucket: Bucket, wanted: Spec | Ref) -> Ref | None:
        """From the bucket, verified; what is not as it was written there does not exist here."""
        path = self.path(wanted)
        if isinstance(wanted, Ref) and self._here(wanted.model_copy(update={"digest": recorded_digest(path)})):
            return None  # another content of that name, which a ledger of this home may need
        if not bucket.bring(path, (wanted.digest or None) if isinstance(wanted, Ref) else None):
            return None
        found = self._here(wanted)
        if found is None:
            (path / RECORD).unlink(missing_ok=True)
        return found

    def _here(self, wanted: Spec | Ref) -> Ref | None:
        path = self.path(wanted)
        try:
            record = json.loads((path / RECORD).read_text(encoding="utf-8"))
            if content(path, RECORD, memory_of(path)) != record["files"] or digest(record["files"]) != record["digest"]:
                return None
        except NO_RECORD:
            return None
        if isinstance(wanted, Ref) and wanted.digest not in ("", record["digest"]):
            return None
        return Ref(stage=wanted.stage, fingerprint=wanted.fingerprint, digest=record["digest"])

    @contextlib.contextmanager
    def draft(self, spec: Spec) -> Iterator[Draft]:
        """A folder to write into; it becomes the artifact when the block ends, and is removed when it raises."""
        final, started = self.path(spec), time.time()
        with beside(final) as folder:
            draft = Draft(folder)
            yield draft
            files = content(folder, RECORD, memory_of(final))  # as it will be found there
            record = spec.model_dump(mode="json") | {"fingerprint": spec.fingerprint, "files": files}
            record |= {"digest": digest(files), "seconds": round(time.time() - started, 3)}
            record |= draft.record | provenance()
            write_durably(folder / RECORD, json.dumps(record, indent=1, ensure_ascii=False))
            if self.find(spec):  # another run made it meanwhile: what followed from that stays true
                return
            if self.bucket and not self.bucket.share(folder, final):
                if not self.find(spec):
                    raise OSError(f"{self.bucket.objects.url}: {place(final)} is there, and not whole: delete it there")
                return
            put_in_place(final, folder)

    def altered(self) -> Iterator[Path]:
        """Artifacts whose files are not those that were written, each byte read; they count as missing from then on."""
        for path in sorted(self.root.glob("[!.]*/[!.]*/" + RECORD)):
            folder = path.parent
            with contextlib.suppress(*NO_RECORD):
                record = json.loads(path.read_text(encoding="utf-8"))
                if content(folder, RECORD) == record["files"] and digest(record["files"]) == record["digest"]:
                    continue
            memory_of(folder).forget()
            yield folder

    def record(self, ref: Ref) -> dict[str, Any]:
        """Raises FileNotFoundError where there is none."""
        path = self.path(ref)
        if self.bucket and not (path / RECORD).exists() and (there := self.bucket.known_record(path)):
            return there
        record: dict[str, Any] = json.loads((path / RECORD).read_text(encoding="utf-8"))
        return record

    def of_stage(self, stage: str, fits: Callable[[dict[str, Any]], bool]) -> Iterator[Ref]:
        """Artifacts of a stage whose record fits, each verified as `find` does."""
        folder = self.root / stage
        there = {path.parent.name for path in folder.glob("[!.]*/" + RECORD)}
        for fingerprint in sorted(there | set(self.bucket.made(folder) if self.bucket else ())):
            with contextlib.suppress(*NO_RECORD):
                ref = Ref(stage=stage, fingerprint=fingerprint, digest="")
                record = self.record(ref)
                if fits(record) and (found := self.find(ref.model_copy(update={"digest": record["digest"]}))):
                    yield found

    def rows(self, refs: Ref | Iterable[Ref], kind: type[R], table: str = "rows") -> tables.Rows[R]:
        """The rows of one table, of one artifact or of several behind each other.

        Raises FileNotFoundError for a table that the artifact does not have, ValueError for rows of another version.
        """
        found = [refs] if isinstance(refs, Ref) else list(refs)
        try:
            return tables.read([self.folder(ref) / f"{table}.parquet" for ref in found], kind)
        except ValueError as error:
            written_by = ", ".join(sorted({self.record(ref).get("commit") or "another version" for ref in found}))
            raise ValueError(
                f"{error} (written by {written_by}); read it with that version, or move its folder away and have it "
                "recomputed"
            ) from error


def memory_of(folder: Path) -> Memory:
    return Memory(folder.with_name(f".{folder.name}.digests"))
