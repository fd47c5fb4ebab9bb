"""Artifacts in an object store, so that machines without a common file system find what others have made.

    STAGE/FINGERPRINT/SHA256          a file's content
    STAGE/FINGERPRINT/record.json     put last, and only where there is none

Nothing that stands there is ever changed: of two machines that make the same artifact at once each puts its files, and
the record that comes first says which count.
"""

import contextlib
import json
import shutil
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel

from tasks.store.files import RECORD, beside, put_in_place, recorded_digest, write_atomically, write_durably
from tasks.store.shared.objects import Objects

MARK = ".shared"
LOOK_AGAIN_S = 24 * 3600.0  # another machine may have collected it since


class Bucket:
    """Folders are those of a store: STAGE/FINGERPRINT with files and a record."""

    def __init__(self, objects: Objects):
        self.objects = objects

    @classmethod
    def given(cls) -> Self | None:
        """That of LANCE_STORE."""
        objects = Objects.given()
        return cls(objects) if objects else None

    def settled(self, folder: Path) -> bool:
        """Whether what lies there was put here, or found to stand here already, lately; that was used now."""
        mark = self._mark(folder)
        settled = mark is not None and mark.here == recorded_digest(folder) and time.time() - mark.looked < LOOK_AGAIN_S
        if settled:
            _file(folder).touch()
        return settled

    def evict(self, store: Path, most_gib: float, spared: Collection[Path] = ()) -> int:
        """Remove artifacts that it has, too, used longest ago first, until the store takes no more; how many.

        To be called while no run goes, for that may read what it has found before.
        """
        marks = {mark: mark.with_name(mark.name[1:].removesuffix(MARK)) for mark in store.glob(f"*/.*{MARK}")}
        over_bytes, gone = _bytes(store) - most_gib * 2**30, 0
        for file in sorted(marks, key=lambda mark: mark.stat().st_mtime_ns):
            folder, mark = marks[file], self._mark(marks[file])
            same = mark is not None and mark.here == mark.there == recorded_digest(folder)
            if over_bytes <= 0 or mark is None or not same or folder in spared:
                continue
            record = self.record(folder)  # as it is now: another machine may have collected it
            if record and record["digest"] == mark.there:
                over_bytes -= _bytes(folder)
                (folder / RECORD).unlink()
                shutil.rmtree(folder)
                gone += 1
        return gone

    def _mark(self, folder: Path) -> "Mark | None":
        """None where nothing is known of it in this store."""
        try:
            found = Mark.model_validate_json(_file(folder).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return found if found.at == self.objects.url else None

    def record(self, folder: Path) -> dict[str, Any] | None:
        """None where there is no such artifact."""
        found = self.objects.read(f"{place(folder)}/{RECORD}")
        record: dict[str, Any] | None = json.loads(found.text) if found else None
        return record

    def known_record(self, folder: Path) -> dict[str, Any] | None:
        """As `record`, kept beside the folder once it was read: each look at a stage's artifacts would ask for all."""
        file = folder.with_name(f".{folder.name}.record")
        with contextlib.suppress(OSError, ValueError):
            known: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
            return known
        if record := self.record(folder):
            write_atomically(file, json.dumps(record, ensure_ascii=False))
        return record

    def share(self, made: Path, final: Path) -> bool:
        """Put what was made there as the artifact `final`; whether it, or the same, counts from now on."""
        own = json.loads((made / RECORD).read_text(encoding="utf-8"))
        self._put(place(final), made, own["files"])
        record = self.record(final)
        there = record["digest"] if record else ""
        _note(final, Mark(at=self.objects.url, here=own["digest"], there=there, looked=time.time()))
        return bool(there == own["digest"])

    def _put(self, at: str, made: Path, files: dict[str, str]) -> None:
        there = {Path(one.key).name for one in self.objects.entries(at)}
        if RECORD in there:
            return
        for name, digest in files.items():
            if digest not in there:
                self.objects.put_file(f"{at}/{digest}", made / name)
        self.objects.create(f"{at}/{RECORD}", (made / RECORD).read_text(encoding="utf-8"))

    def bring(self, final: Path, digest: str | None = None) -> bool:
        """The artifact, of this content where it is known, into its folder; whether there is one. Not verified here."""
        record = self.record(final)
        if record is None or digest not in (None, record["digest"]):
            return False
        with beside(final) as folder:
            with contextlib.suppress(FileNotFoundError):  # a file is gone: not whole, as whoever verifies it sees
                for name, content in record["files"].items():
                    (folder / name).parent.mkdir(parents=True, exist_ok=True)
                    self.objects.get_file(f"{place(final)}/{content}", folder / name)
            write_durably(folder / RECORD, json.dumps(record, indent=1, ensure_ascii=False))
            of = record["digest"]
            _note(final, Mark(at=self.objects.url, here=of, there=of, looked=time.time()))
            put_in_place(final, folder)
        return True

    def made(self, stage: Path) -> list[str]:
        """Fingerprints of its artifacts."""
        keys = (one.key for one in self.objects.entries(stage.name) if one.key.endswith(f"/{RECORD}"))
        return [key.split("/")[1] for key in keys]


def place(folder: Path) -> str:
    """Of an artifact's folder in the bucket."""
    return f"{folder.parent.name}/{folder.name}"


class Mark(BaseModel):
    """What is known of an artifact in a store: digests of the content here and there ("": none), when it was looked."""

    at: str
    here: str
    there: str
    looked: float  # seconds since 1970


def _file(folder: Path) -> Path:
    """Of its mark, as old as the artifact's last use."""
    return folder.with_name(f".{folder.name}{MARK}")


def _note(folder: Path, mark: Mark) -> None:
    write_atomically(_file(folder), mark.model_dump_json())


def _bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
