"""Locks: of an evolution, one run at a time, and which one; of a home, so that nothing is collected while runs go.

A lock on a file holds among all who have the LANCE_HOME; with an object store, a lease beside it holds among the homes.
"""

import contextlib
import fcntl
import os
import socket
import time
from collections.abc import Iterator
from uuid import uuid4

from pydantic import BaseModel, ConfigDict

from tasks.store.home import Home
from tasks.store.shared import lease as leases
from tasks.store.shared.lease import LOG, Lease, Lost
from tasks.store.shared.objects import Objects

POLL_S = 1.0
RUNS, COLLECTING = "runs", "collecting"  # keys: a lease of each run under way, and that of a collection


class Busy(ValueError):
    """Another run has the evolution."""


class Holder(BaseModel):
    """A run that holds an evolution: its process, and its id where it has one."""

    model_config = ConfigDict(frozen=True)
    machine: str = ""
    pid: int = 0
    run: str = ""


@contextlib.contextmanager
def only_one_run(home: Home, name: str, run: str = "", lost: Lost = LOG.warning) -> Iterator[None]:
    """Hold the evolution for one run, by its id; raises Busy if another holds it. `lost` as a lease's.

    The kernel lets go when a run dies; with an object store, machines that do not see that wait for LEASE_S.
    """
    folder, own = home.evolution(name), Holder(machine=socket.gethostname(), pid=os.getpid(), run=run)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _busy(name) from None
        lock.truncate(0)
        lock.write(own.model_dump_json())
        lock.flush()
        for leftover in folder.glob(".*.json.*.tmp"):  # of a run that was killed while it wrote
            leftover.unlink(missing_ok=True)
        with _among_homes(home, name, own, lost):
            yield


@contextlib.contextmanager
def _among_homes(home: Home, name: str, own: Holder, lost: Lost) -> Iterator[None]:
    if not (objects := Objects.given()):
        yield
        return
    lease = Lease(objects, _lease(name), home.own_identity(), own.model_dump_json(), lost)
    while not lease.take():
        if lease.renewed:
            raise _busy(name)
        time.sleep(POLL_S)
    with lease.kept():
        yield


def _busy(name: str) -> Busy:
    return Busy(f"evolution {name!r} has a run under way; wait for it, or give another --name")


def holder(home: Home, name: str) -> Holder | None:
    """Who holds the evolution, on whatever machine; None if nobody does."""
    with contextlib.suppress(OSError), (home.evolution(name) / "lock").open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return last_holder(home, name) or Holder()  # which has just taken it
    return None


def last_holder(home: Home, name: str) -> Holder | None:
    """Who of this home holds the evolution, or held it last."""
    with contextlib.suppress(OSError, ValueError):
        return Holder.model_validate_json((home.evolution(name) / "lock").read_text(encoding="utf-8"))
    return None


def busy(home: Home) -> list[str]:
    """Evolutions that a run of this home has."""
    return [path.name for path in sorted(home.root.glob("evolutions/*")) if holder(home, path.name)]


@contextlib.contextmanager
def left_alone(home: Home) -> Iterator[None]:
    """Nothing of the home is collected while the block runs; waits for a collection that is under way."""
    home.root.mkdir(parents=True, exist_ok=True)
    with home.in_use.open("a") as in_use, contextlib.ExitStack() as among_homes:
        fcntl.flock(in_use, fcntl.LOCK_SH)
        if objects := Objects.given():
            own = Lease(objects, f"{RUNS}/{uuid4().hex}", home.own_identity(), socket.gethostname())
            own.take()  # before it looks, as a collection does: of two at once, one sees the other
            among_homes.callback(objects.remove, [own.key])
            among_homes.enter_context(own.kept())
            while leases.holder(objects, COLLECTING) and not _over(objects, COLLECTING, home):
                time.sleep(POLL_S)
        yield


@contextlib.contextmanager
def quiet(home: Home) -> Iterator[bool]:
    """Whether no run of this home goes, and then none begins while the block runs."""
    home.root.mkdir(parents=True, exist_ok=True)
    with home.in_use.open("a") as in_use:
        try:
            fcntl.flock(in_use, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


@contextlib.contextmanager
def alone(home: Home) -> Iterator[None]:
    """No run begins while the block runs, on whatever machine; raises ValueError while one is under way."""
    with quiet(home) as nobody, contextlib.ExitStack() as among_homes:
        if not nobody:
            names = busy(home)
            raise _under_way(f"evolution {names[0]!r} has a run" if names else "a run")
        if objects := Objects.given():
            own = Lease(objects, COLLECTING, home.own_identity(), socket.gethostname())
            if not _taken(own):
                raise _under_way("another collection")
            among_homes.enter_context(own.kept())
            for run in [one.key for one in objects.entries(RUNS)]:
                if not _over(objects, run, home):
                    raise _under_way("another machine has a run")
                objects.remove([run])
        yield


def _under_way(what: str) -> ValueError:
    return ValueError(f"{what} that is not over: wait for it, or cancel it")


def _over(objects: Objects, key: str, home: Home) -> bool:
    """Whether its owner is dead or has let go, as looking at it for a while tells."""
    lease = Lease(objects, key, home.own_identity(), socket.gethostname())
    if not _taken(lease):
        return False
    with lease.kept():
        return True


def _taken(lease: Lease) -> bool:
    """Whether it could be had, if need be once nobody has renewed it for LEASE_S."""
    while not lease.take():
        if lease.renewed:
            return False
        time.sleep(POLL_S)
    return True


def _lease(name: str) -> str:
    return f"evolutions/{name}/lease"
