"""A small process between the run and a child: the child's whole family ends when the run does, whatever ended the run.

    python -m tasks.engines.processes.supervisor --log FILE [--lock FD,QUEUE]... [--deadline SECONDS] -- COMMAND...

Standard input is one end of a pipe whose other end the run holds: end of file means that the run is gone, kill -9
included. Why not PR_SET_PDEATHSIG alone: it reaches the direct child only (vLLM's engine core outlives its killed API
server), and it fires when the *thread* that started the child ends. The device lock is taken before the child starts
and kept until the family is gone, so that two runs never share a device, whatever an orchestrator believes; it comes as
open files, which a run's children have in common (device.py).

Lines on standard output: `waiting` (for the lock), `started PID`. Exit codes: the child's own (128 + signal if killed),
or DEADLINE, RUN_GONE. Linux only. Imports nothing beyond the standard library, to start at once.
"""

import argparse
import contextlib
import ctypes
import fcntl
import os
import select
import signal
import subprocess
import sys
import time
from typing import NoReturn

DEADLINE = 124
RUN_GONE = 125
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
GRACE_S = 3.0
TICK_S = 0.1
LOG_BYTES = 1 << 20
RUN = os.getppid()

libc = ctypes.CDLL(None)


def run_gone(wait_s: float) -> bool:
    """Wait up to `wait_s` for the run to close its end of the pipe (it writes nothing into it)."""
    readable, _, _ = select.select([sys.stdin], [], [], wait_s)
    return bool(readable) and not os.read(sys.stdin.fileno(), 1)


def note(descriptor: int, what: str) -> None:
    """A line in the lock's own log, which is its content: which run computed on the device, and when."""
    with contextlib.suppress(OSError):  # another user's file: flock needs no right to write
        os.write(descriptor, f"{time.time():.3f} {RUN} {what}\n".encode())


def take_lock(lock: int, queue: int) -> int:
    """Returns the descriptor once no other run holds it; exits if the run goes meanwhile."""
    said = False
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            fcntl.flock(queue, fcntl.LOCK_UN)
            if os.fstat(lock).st_size > LOG_BYTES:
                with contextlib.suppress(OSError):
                    os.ftruncate(lock, 0)
            note(lock, "took")
            return lock
        except BlockingIOError:
            if not said:
                fcntl.flock(queue, fcntl.LOCK_SH)
                print("waiting", flush=True)
            said = True
            if run_gone(TICK_S):
                sys.exit(RUN_GONE)


def family() -> list[int]:
    """Living processes below this one. Orphans come back to it, since it is their subreaper.

    A process that was just killed is a zombie while its threads end, and has its children until then: leaving it out
    with all below it left somebody behind in 4 of 28 kills of a child with a dozen threads.
    """
    states: dict[int, str] = {}
    parents: dict[int, int] = {}
    for entry in os.listdir("/proc"):
        with contextlib.suppress(OSError, ValueError):
            state, parent = open(f"/proc/{int(entry)}/stat").read().rpartition(")")[2].split()[:2]
            states[int(entry)], parents[int(entry)] = state, int(parent)
    found, todo = [], [os.getpid()]
    while todo:
        children = [pid for pid, parent in parents.items() if parent == todo[0]]
        found += children
        todo = todo[1:] + children
    return [pid for pid in found if states[pid] != "Z"]


def end_family() -> None:
    """SIGTERM to all, SIGKILL to who is left after GRACE_S; returns when nobody is."""
    until = time.monotonic() + GRACE_S
    signal_number: int = signal.SIGTERM
    while members := family():
        for pid in members:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal_number)
        signal_number = signal.SIGKILL if time.monotonic() > until else 0  # 0 asks nothing
        reap()
        time.sleep(TICK_S)


def reap() -> dict[int, int]:
    """Exit codes of the children that have ended since the last call."""
    ended = {}
    with contextlib.suppress(ChildProcessError):
        while (result := os.waitpid(-1, os.WNOHANG))[0]:
            ended[result[0]] = os.waitstatus_to_exitcode(result[1])
    return ended


def main() -> NoReturn:
    parser = argparse.ArgumentParser()
    parser.add_argument("--log", required=True)
    parser.add_argument("--lock", action="append", default=[])
    parser.add_argument("--deadline", type=float, default=float("inf"))
    parser.add_argument("command", nargs="+")
    asked = parser.parse_args()

    libc.prctl(PR_SET_CHILD_SUBREAPER, 1)
    asked_to_stop: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _: asked_to_stop.append(received))
    held = [take_lock(*map(int, lock.split(","))) for lock in asked.lock]
    until = time.monotonic() + asked.deadline
    with open(asked.log, "ab") as log:
        child = subprocess.Popen(
            asked.command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            pass_fds=held,  # the lock outlives even this process as long as the child lives
            preexec_fn=lambda: libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL),
        )
    print(f"started {child.pid}", flush=True)
    code = None
    while code is None:
        if run_gone(TICK_S) or asked_to_stop:
            code = RUN_GONE
        elif time.monotonic() > until:
            code = DEADLINE
        else:
            code = reap().get(child.pid)
    end_family()
    for descriptor in held:
        note(descriptor, "let go")
    sys.exit(code if code >= 0 else 128 - code)


if __name__ == "__main__":
    main()
