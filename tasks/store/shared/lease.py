"""Who has what, as an object: its owner renews it while it lives, and one that nobody renews is taken over.

No clock is compared with another machine's: who wants it looks whether it changes. What is seen unchanged for LEASE_S
belongs to nobody; time in which it could not be looked at does not count, for its owner could not write then, either.
"""

import contextlib
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from uuid import uuid4

from tasks.store.shared.objects import Objects, Version

LEASE_S = 30.0
RENEW_S = 7.0
LOG = logging.getLogger("lance.lease")
Lost = Callable[[str], None]


class Lease:
    """`home` is the LANCE_HOME's: within one, locks on files decide, and what a dead owner of this home left is taken
    at once. `lost` is told where another machine took it from a living one.
    """

    def __init__(self, objects: Objects, key: str, home: str, what: str = "", lost: Lost = LOG.warning):
        self._objects, self.key, self._home, self._what = objects, key, home, what
        self._lost, self._token = lost, uuid4().hex
        self._beats = 0
        self._mine: Version | None = None
        self._seen: Version | None = None
        self._unchanged_s, self._looked_at = 0.0, time.monotonic()
        self.renewed = False  # by its owner, while this one looked

    def take(self) -> bool:
        """Whether it is this one's now; to be tried again every few seconds, for that is how a dead owner is seen."""
        there = self._objects.read(self.key)
        if there is None:
            self._mine = self._objects.create(self.key, self._text())
        else:
            said = json.loads(there.text)
            if not said["home"] or said["home"] == self._home or self._is_dead(there.version):
                self._mine = self._objects.replace(self.key, self._text(), there.version)
        return self._mine is not None

    def _is_dead(self, version: Version) -> bool:
        now = time.monotonic()
        if version == self._seen:
            self._unchanged_s += min(now - self._looked_at, RENEW_S)
        else:
            self.renewed = self._seen is not None
            self._seen, self._unchanged_s = version, 0.0
        self._looked_at = now
        return self._unchanged_s >= LEASE_S

    @contextlib.contextmanager
    def kept(self) -> Iterator[None]:
        """Renewed while the block runs, and free behind it."""
        over = threading.Event()
        renewing = threading.Thread(target=self._renew, args=(over,), daemon=True, name=f"lease {self.key}")
        renewing.start()
        try:
            yield
        finally:
            over.set()
            renewing.join()
            if self._mine:
                self._objects.replace(self.key, json.dumps({"home": "", "of": self._what}), self._mine)
                self._mine = None

    def _renew(self, over: threading.Event) -> None:
        while self._mine and not over.wait(RENEW_S):
            try:
                self._mine = self._objects.replace(self.key, self._text(), self._mine)
            except Exception as error:  # obstore's, after minutes: others see as little of it as this one does
                LOG.warning("%s was not renewed, and is tried again: %s", self.key, error)
        if not over.is_set():
            self._lost(f"{self.key} was not renewed in time: another machine has it now")

    def _text(self) -> str:
        self._beats += 1
        return json.dumps({"home": self._home, "of": self._what, "token": self._token, "beats": self._beats})


def holder(objects: Objects, key: str) -> str | None:
    """What its owner said of itself; None where nobody has it. A dead one's stands until another takes it."""
    there = objects.read(key)
    said = json.loads(there.text) if there else {"home": ""}
    return str(said["of"]) if said["home"] else None
