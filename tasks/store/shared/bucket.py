"""Artifacts in an object store, so that machines without a common file system find what others have made.

    STAGE/FINGERPRINT/SHA256          a file's content
    STAGE/FINGERPRINT/record.json     put last, and only where there is none

Nothing that stands there is ever changed: of two machines that make the same artifact at once each puts its files, and
the record that comes first says which count.
"""

import contextlib
import json
import shutil
from pathlib import Path
from typing import Any, Self

from tasks.store.files import RECORD, beside, put_in_place, write_durably
from tasks.store.shared.objects import Objects

MARK = ".shared"


class Bucket:
    """Folders are those of a store: STAGE/FINGERPRINT with files and a record."""

    def __init__(self, objects: Objects):
        self.objects = objects

    @classmethod
    def given(cls) -> Self | None:
        """That of LANCE_STORE."""
        objects = Objects.given()
        return cls(objects) if objects else None

    def has(self, folder: Path) -> bool:
        """Whether it is known to have what lies there, without asking; that was used now."""
        known = _known(folder)
        if known:
            _mark(folder).touch()
        return known

    def evict(self, store: Path, most_gib: float) -> int:
        """Remove artifacts that it has, too, used longest ago first, until the store takes no more; how many.

        To be called while no run goes, for that may read what it has found before.
        """
        marks = {mark: mark.with_name(mark.name[1:].removesuffix(MARK)) for mark in store.glob(f"*/.*{MARK}")}
        over_bytes, gone = _bytes(store) - most_gib * 2**30, 0
        for mark in sorted(marks, key=lambda mark: mark.stat().st_mtime_ns):
            folder = marks[mark]
            if over_bytes > 0 and _known(folder):
                over_bytes -= _bytes(folder)
                (folder / RECORD).unlink()
                shutil.rmtree(folder)
                gone += 1
        return gone

    def record(self, folder: Path) -> dict[str, Any] | None:
        """None where there is no such artifact."""
        found = self.objects.read(f"{place(folder)}/{RECORD}")
        record: dict[str, Any] | None = json.loads(found.text) if found else None
        return record

    def share(self, made: Path, final: Path) -> bool:
        """Put what was made there as the artifact `final`; whether it is the one that counts from now on."""
        counts = self._put(place(final), made, json.loads((made / RECORD).read_text(encoding="utf-8"))["files"])
        _mark(final).touch()
        return counts

    def _put(self, at: str, made: Path, files: dict[str, str]) -> bool:
        there = {Path(one.key).name for one in self.objects.entries(at)}
        if RECORD in there:
            return False
        for name, digest in files.items():
            if digest not in there:
                self.objects.put_file(f"{at}/{digest}", made / name)
        return self.objects.create(f"{at}/{RECORD}", (made / RECORD).read_text(encoding="utf-8")) is not None

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
            _mark(final).touch()
            put_in_place(final, folder)
        return True

    def made(self, stage: Path) -> list[str]:
        """Fingerprints of its artifacts."""
        keys = (one.key for one in self.objects.entries(stage.name) if one.key.endswith(f"/{RECORD}"))
        return [key.split("/")[1] for key in keys]


def place(folder: Path) -> str:
    """Of an artifact's folder in the bucket."""
    return f"{folder.parent.name}/{folder.name}"


def _mark(folder: Path) -> Path:
    """There once the artifact is in the bucket, or another one of the same name; as old as its last use."""
    return folder.with_name(f".{folder.name}{MARK}")


def _known(folder: Path) -> bool:
    with contextlib.suppress(FileNotFoundError):  # one that was made again since is newer than its mark
        return _mark(folder).stat().st_mtime_ns >= (folder / RECORD).stat().st_mtime_ns
    return False


def _bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
