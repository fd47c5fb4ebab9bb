"""Where everything lies: one folder, LANCE_HOME, or `.lance` in the project; and what its machines have in common."""

import contextlib
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from tasks.store.shared.document import Document
from tasks.store.shared.objects import Objects

ROOT = Path(__file__).resolve().parents[2]  # of the project: the one place that knows


def user_path(given: str) -> Path:
    """A path as a person writes it; raises ValueError for a home folder that there is not."""
    try:
        return Path(given).expanduser()
    except RuntimeError as error:
        raise ValueError(f"{given}: {error}") from None


@dataclass(frozen=True)
class Home:
    root: Path

    @classmethod
    def here(cls) -> "Home":
        """Raises ValueError for a path that is no text: records name it."""
        # Set to nothing is not set: `or`, or the store would be laid out in the working directory.
        root = Path(os.environ.get("LANCE_HOME") or ROOT / ".lance").resolve()
        try:
            str(root).encode()
        except UnicodeEncodeError:
            raise ValueError(f"LANCE_HOME is {os.fsencode(root)!r}: expected a path in UTF-8; choose another") from None
        return cls(root)

    @property
    def store(self) -> Path:
        """Artifacts: rows and models."""
        return self.root / "store"

    @property
    def work(self) -> Path:
        """What is under way: journals, checkpoints, job files. Empty when nothing runs and nothing was killed."""
        return self.root / "work"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def caches(self) -> Path:
        """What can be made again from something else, such as compiled kernels."""
        return self.root / "caches"

    @property
    def services(self) -> Path:
        """What `lance up` started on this machine; others may share the home."""
        return self.root / "services" / socket.gethostname()

    def identity(self) -> str:
        """The same on all machines that have this home, or the object store where its runs meet."""
        objects = Objects.given()
        return objects.url if objects else self.own_identity()

    def own_identity(self) -> str:
        """Of the folder, which is not to be copied with it: two with one identity take each other's leases for theirs.

        There whole or not at all: several processes may ask for it first.
        """
        file = self.root / "identity"
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            own = file.with_name(f".{file.name}.{uuid4().hex}.tmp")
            own.write_text(uuid4().hex, encoding="utf-8")
            with contextlib.suppress(FileExistsError):
                os.link(own, file)
            own.unlink()
        return file.read_text(encoding="utf-8")

    def document(self, name: str, *, copied: bool = True) -> Document:
        """That all machines have in common; `name` is its path in the home, and its key in an object store."""
        return Document(self.root / name, name, Objects.given(), copied=copied)

    def documents(self, folder: str) -> list[Document]:
        """What lies right in the folder of texts that come and go."""
        objects = Objects.given()
        names = (
            [one.key.rpartition("/")[2] for one in objects.entries(folder)]
            if objects
            else [file.name for file in (self.root / folder).glob("[!.]*") if file.is_file()]
        )
        return [self.document(f"{folder}/{name}", copied=False) for name in sorted(names)]

    @property
    def prefect(self) -> Path:
        """Prefect's own home: its database and its result files."""
        return self.root / "prefect"

    def evolution(self, name: str) -> Path:
        return self.root / "evolutions" / name

    @property
    def evolutions(self) -> list[str]:
        """Names of those that have begun."""
        here = {path.parent.name for path in self.root.glob("evolutions/*/ledger.json")}
        objects = Objects.given()
        keys = [one.key.split("/") for one in objects.entries("evolutions")] if objects else []
        return sorted(here | {parts[1] for parts in keys if parts[2:] == ["ledger.json"]})

    def ledger(self, name: str) -> Document:
        return self.document(f"evolutions/{name}/ledger.json")

    def champion(self, name: str) -> Path:
        """Which model is the champion, and where that lies on this machine."""
        return self.evolution(name) / "champion.json"

    @property
    def in_use(self) -> Path:
        """The lock that runs share, so that nothing is collected meanwhile."""
        return self.root / "in-use.lock"

    def waiting(self, name: str) -> Document:
        """Which run waits for a person's approval, while one does."""
        return self.document(f"evolutions/{name}/waiting.json", copied=False)

    def vetoes(self, name: str) -> Document:
        return self.document(f"evolutions/{name}/vetoes.jsonl")
