"""Child processes: the whole family ends with the run, whatever ends the run; one device, one run."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tasks.engines.processes.child import Child, ChildFailed, tail
from tasks.engines.processes.device import DeviceLock
from tasks.engines.processes.job import BAD_INPUT
from tasks.engines.processes.supervisor import DEADLINE
from tasks.store.home import ROOT
from tests.support.processes import command_line, marked, wait_until, wait_until_gone

# A child whose own child sits in another session and ignores SIGTERM: the worst that an engine does.
STUBBORN = """
import os, signal, subprocess, sys, time
code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
time.sleep(600)
"""
RUN = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in a shell's background
from pathlib import Path
from tasks.engines.processes.child import Child
from tasks.engines.processes.device import DeviceLock
device = DeviceLock([Path(sys.argv[3])])
child = Child("stubborn", [sys.executable, "-c", sys.argv[1]], Path(sys.argv[2]), device=device)
child.wait_until_started()
time.sleep(600)
"""


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_family_ends_with_the_run_and_the_lock_is_free_then(tmp_path: Path, how: signal.Signals) -> None:
    log, lock, mark = tmp_path / "log", tmp_path / "lock", f"{tmp_path}"
    command = [sys.executable, "-c", RUN, STUBBORN, str(log), str(lock)]
    run = subprocess.Popen(command, cwd=ROOT, env=os.environ | {"LANCE_TEST_MARK": mark}, stderr=subprocess.DEVNULL)
    wait_until(lambda: log.exists() and "up" in log.read_text(), 20, "the grandchild is up")
    assert len(marked("LANCE_TEST_MARK", mark)) == 4  # run, supervisor, child, grandchild
    run.send_signal(how)
    run.wait()
    next_one = DeviceLock([lock])
    with next_one, Child("next", python("print('mine')"), tmp_path / "next.log", device=next_one) as following:
        waited: list[bool] = []
        following.wait_until_started(lambda: waited.append(True))
        left = [p for p in marked("LANCE_TEST_MARK", mark) if "time.sleep(600)" in command_line(p)]
        assert waited, "the lock was free while the family lived"
        assert left == [], "the lock was free before the family was gone"
    wait_until_gone(lambda: marked("LANCE_TEST_MARK", mark), 5)


def test_stop_ends_the_family(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with Child("stubborn", python(STUBBORN), log, env={"LANCE_TEST_MARK": str(tmp_path)}) as child:
        child.wait_until_started()
        wait_until(lambda: "up" in log.read_text(), 20, "the grandchild is up")
    assert marked("LANCE_TEST_MARK", str(tmp_path)) == []


def test_a_killed_supervisor_leaves_no_child_and_no_grandchild_behind(tmp_path: Path) -> None:
    code = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); "
    code += "print('up', flush=True); time.sleep(600)"
    with Child("engine", python(code), tmp_path / "log", env={"LANCE_TEST_MARK": str(tmp_path)}) as child:
        child.wait_until_started()
        wait_until(lambda: "up" in (tmp_path / "log").read_text(), 20, "the grandchild is up")
        supervised = marked("LANCE_TEST_MARK", str(tmp_path))
        assert len(supervised) == 3
        next(p for p in supervised if "supervisor.py" in command_line(p)).kill()
        wait_until(lambda: child.poll() is not None, 10, "the supervisor has ended")
        with pytest.raises(ChildFailed, match="lost its supervisor") as failed:
            child.check()
        assert failed.value.retryable
    wait_until_gone(lambda: marked("LANCE_TEST_MARK", str(tmp_path)), 5)


def test_a_child_that_was_killed_a_moment_ago_takes_its_children_with_it(tmp_path: Path) -> None:
    """While its threads end it is a zombie that still has them. Stopped just then, 4 of 28 left one behind."""
    code = "import subprocess, sys, time, threading; "
    code += "subprocess.Popen([sys.executable, '-c', 'print(1, flush=True); import time; time.sleep(600)']); "
    code += "[threading.Thread(target=lambda: [i for i in iter(int, 1)], daemon=True).start() for _ in range(12)]; "
    code += "time.sleep(600)"
    for n in range(20):
        log = tmp_path / f"log-{n}"
        child = Child("engine", python(code), log, env={"LANCE_TEST_MARK": str(tmp_path)})
        child.wait_until_started()
        wait_until(lambda log=log: "1" in tail(log), 20, "the grandchild is up")  # type: ignore[misc]
        supervisor = next(p for p in marked("LANCE_TEST_MARK", str(tmp_path)) if "supervisor.py" in command_line(p))
        supervisor.children()[0].kill()
        child.stop()
        assert marked("LANCE_TEST_MARK", str(tmp_path)) == [], f"left behind at kill {n}"


def test_the_children_of_a_run_share_its_device_and_the_last_one_lets_another_run_have_it(tmp_path: Path) -> None:
    lock, sleep = tmp_path / "lock", python("import time; time.sleep(600)")
    run, other = DeviceLock([lock]), DeviceLock([lock])
    with Child("engine", sleep, tmp_path / "1", device=run) as engine, other:
        engine.wait_until_started()
        with Child("trainer", sleep, tmp_path / "2", device=run) as trainer:
            trainer.wait_until_started()  # beside the engine
            engine.stop()
            run.let_go()
            waits = Child("of another run", python("print('mine')"), tmp_path / "3", device=other)
            wait_until(run.wanted, 20, "the trainer still has it")
            run.let_go()
        waits.wait_until_started()
        waits.stop()


def test_a_run_that_goes_while_waiting_for_the_device_leaves_nobody(tmp_path: Path) -> None:
    lock, mark = tmp_path / "lock", f"{tmp_path} waiting"
    device = DeviceLock([lock])
    with device, Child("first", python("import time; time.sleep(600)"), tmp_path / "log", device=device) as first:
        first.wait_until_started()
        assert not device.wanted()
        command = [sys.executable, "-c", RUN, "print('never')", str(tmp_path / "second.log"), str(lock)]
        run = subprocess.Popen(command, cwd=ROOT, env=os.environ | {"LANCE_TEST_MARK": mark})
        wait_until(lambda: len(marked("LANCE_TEST_MARK", mark)) == 2, 20, "run and supervisor are up")
        wait_until(device.wanted, 20, "it waits in the queue")
        run.kill()
        run.wait()
        wait_until_gone(lambda: marked("LANCE_TEST_MARK", mark), 5)
        # The kernel takes a process's memory before its open files: the mark is gone a moment before the lock is.
        wait_until(lambda: not device.wanted(), 5, "nobody waits in the queue")
    assert "never" not in (tmp_path / "second.log").read_text()


def test_a_deadline_ends_the_child_and_is_not_retried(tmp_path: Path) -> None:
    with Child("slow", python("import time; time.sleep(600)"), tmp_path / "log", deadline_s=0.3) as child:
        started = time.monotonic()
        wait_until(lambda: child.poll() is not None, 10, "the child has ended")
        assert child.poll() == DEADLINE
        assert time.monotonic() - started < 20
        with pytest.raises(ChildFailed, match="ran past its deadline") as failed:
            child.check()
    assert not failed.value.retryable


@pytest.mark.parametrize(
    ("code", "says", "retryable"),
    [
        ("import sys; print('no such layer', file=sys.stderr); sys.exit(1)", "exit code 1", True),
        (f"import sys; print('rows: none'); sys.exit({BAD_INPUT})", "refused its input", False),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "was killed", True),
    ],
)
def test_how_a_child_ended_says_whether_to_try_again(tmp_path: Path, code: str, says: str, retryable: bool) -> None:
    with Child("trainer", python(code), tmp_path / "log") as child:
        wait_until(lambda: child.poll() is not None, 10, "the child has ended")
        with pytest.raises(ChildFailed, match=says) as failed:
            child.check()
    assert failed.value.retryable is retryable


def test_the_error_ends_with_the_last_lines_of_the_log(tmp_path: Path) -> None:
    code = "import sys; [print(f'line {i}') for i in range(99)]; print('10%\\r90%\\rdisk full'); sys.exit(3)"
    with Child("trainer", python(code), tmp_path / "log") as child:
        wait_until(lambda: child.poll() is not None, 10, "the child has ended")
        with pytest.raises(ChildFailed) as failed:
            child.check()
    lines = str(failed.value).splitlines()
    assert (lines[1], lines[-1], len(lines)) == ("  | line 85", "  | disk full", 16)


def test_secrets_stay_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = ("HF_TOKEN", "OPENAI_API_KEY", "AWS_SECRET_ACCESS_KEY", "PREFECT_API_AUTH_STRING", "PIP_INDEX_URL")
    for name in (*secrets, "LANCE_DATABASE_PASSWORD", "LANCE_API_AUTH", "LANCE_SERVE_KEY"):
        monkeypatch.setenv(name, "s3cret")
    with Child("env", python("import os; print(dict(os.environ))"), tmp_path / "log") as child:
        wait_until(lambda: child.poll() is not None, 10, "the child has ended")
    seen = (tmp_path / "log").read_text()
    assert "'PATH'" in seen
    assert "s3cret" not in seen
