"""Who makes what takes long, of machines that meet in an object store; within one home, locks on files decide."""

import contextlib
import time
from collections.abc import Iterator

from tasks.store.artifacts import Spec, Store
from tasks.store.home import Home
from tasks.store.shared.lease import Lease

POLL_S = 5.0  # requests are paid for


@contextlib.contextmanager
def to_be_made(spec: Spec, store: Store, home: Home) -> Iterator[bool]:
    """Whether this machine is to make it. It waits while another one is at it, and takes over from a dead one."""
    if store.bucket is None:
        yield True
        return
    key = f"work/{spec.stage}-{spec.fingerprint}/lease"
    lease = Lease(store.bucket.objects, key, home.own_identity(), key)
    while not (mine := lease.take()) and not store.find(spec):
        time.sleep(POLL_S)
    with lease.kept() if mine else contextlib.nullcontext():
        yield mine and store.find(spec) is None
