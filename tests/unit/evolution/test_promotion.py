"""A promotion cut off anywhere: a process is killed -9 at each step of it, and the next one finishes it.

    python -m tests.unit.evolution.test_promotion FOLDER step|write      leaves in FOLDER/N what a kill at the Nth left

step: behind a call to the system or to an open file. write: in the middle of it, by the kernel itself, at a limit to
the size of files.
"""

import io
import itertools
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from flows.cli.champion import read
from tasks.evolution import champion as champions
from tasks.evolution import ledger as ledgers
from tasks.evolution import lock
from tasks.evolution.champion import Champion
from tasks.evolution.ledger import Ledger
from tasks.store.home import ROOT, Home
from tests.unit.evolution.test_ledger import ONE, TWO, ledger

NAME, NONE = "mine", -1
EVENTS = {"step": ("c_return", signal.SIGKILL), "write": ("c_call", signal.SIGXFSZ)}
HALF = 10_000  # bytes, about half of the smallest file
LONG = ("because " * 2000,)  # reasons that are longer than a file's buffer, so that half of a file is ever written


def promote_twice(home: Home) -> None:
    """As a run does that makes two iterations, or walks through them again."""
    with lock.only_one_run(home, NAME):
        at = home.ledger(NAME)
        found = ledgers.read(at) or ledger()
        for one in (ONE, TWO):
            verdict = one.verdict.model_copy(update={"reasons": LONG})
            found = found.put(one.model_copy(update={"verdict": verdict}))
            champions.keep(home, found, at)


def killed(event: str, number: int, home: Home) -> bool:
    """Promote in a process of its own that is killed at the Nth step or write; False if it has fewer."""
    wanted, killed_by = EVENTS[event]
    child = os.fork()
    if child == 0:
        seen = itertools.count()
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # Python ignores it
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

        def look(_: Any, happens: str, function: Any) -> None:
            if happens != wanted or not touches_disk(function):
                return
            if event == "step" and next(seen) == number:
                os.kill(os.getpid(), signal.SIGKILL)
            if event == "write" and function.__name__ == "write" and next(seen) == number:
                resource.setrlimit(resource.RLIMIT_FSIZE, (HALF, HALF))

        sys.setprofile(look)
        promote_twice(home)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, -killed_by)
    return code != 0


def touches_disk(function: Any) -> bool:
    return function.__module__ in ("posix", "_io") or isinstance(function.__self__, io.IOBase)


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Home]]:
    """What the kills of each kind left, in the order of the steps; the last one came too late."""
    found = {}
    for event in EVENTS:
        folder = tmp_path_factory.mktemp(event)
        # Forked by a process that has no threads, which pytest's own may have.
        subprocess.run(
            [sys.executable, "-m", "tests.unit.evolution.test_promotion", str(folder), event], check=True, cwd=ROOT
        )
        found[event] = [Home(path) for path in sorted(folder.iterdir(), key=lambda path: int(path.name))]
    return found


def in_the_ledger(home: Home) -> int:
    found = ledgers.read(home.ledger(NAME))
    return len(found.iterations) if found else NONE


def in_champion_json(home: Home) -> int:
    file = home.champion(NAME)
    return Champion.model_validate_json(file.read_text()).now.iteration if file.exists() else NONE


@pytest.mark.parametrize("event", EVENTS)
def test_the_champion_is_the_one_before_or_the_new_one(left: dict[str, list[Home]], event: str) -> None:
    ledger_says = [in_the_ledger(home) for home in left[event]]
    file_says = [in_champion_json(home) for home in left[event]]
    assert set(ledger_says) == set(file_says) == {NONE, 1, 2}
    assert ledger_says == sorted(ledger_says)
    assert file_says == sorted(file_says), "one that was there is never gone again"
    said = set(zip(file_says, ledger_says, strict=True))
    assert said == {(NONE, NONE), (NONE, 1), (1, 1), (1, 2), (2, 2)}, "kills between the two, and the ledger first"


def test_half_a_file_lies_beside_it(left: dict[str, list[Home]]) -> None:
    halves = [leftovers(home) for home in left["write"]]
    # The first write is that of a process number into the lock, which is short: the limit strikes the one behind it.
    names = [[file.name.split(".")[1] for file in one] for one in halves]
    assert names == [["ledger"], *[["ledger"], ["champion"]] * 2, []]
    assert {file.stat().st_size for one in halves for file in one} == {HALF}


@pytest.mark.parametrize("event", EVENTS)
def test_the_next_run_finishes_it_and_sweeps_up(left: dict[str, list[Home]], event: str) -> None:
    assert any(leftovers(home) for home in left[event])
    for home in left[event]:
        promote_twice(home)
        assert (in_the_ledger(home), in_champion_json(home)) == (2, 2)
        assert home.ledger(NAME).read() == left[event][-1].ledger(NAME).read()
        assert sorted(path.name for path in home.evolution(NAME).iterdir()) == ["champion.json", "ledger.json", "lock"]


def test_who_looks_while_a_run_promotes_does_not_put_the_old_one_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path)
    champions.keep(home, ledger(ONE), home.ledger(NAME))
    write = champions.write

    def late(file: Path, store: Path, found: Ledger) -> Champion:
        """Behind the look into the ledger a run promotes."""
        monkeypatch.undo()
        champions.keep(home, ledger(ONE, TWO), home.ledger(NAME))
        return write(file, store, found)

    monkeypatch.setattr(champions, "write", late)
    assert read(home, NAME).now.iteration == 2
    assert in_champion_json(home) == 2


def leftovers(home: Home) -> list[Path]:
    return list(home.evolution(NAME).glob(".*.tmp"))


if __name__ == "__main__":
    numbers = itertools.count()
    while killed(sys.argv[2], number := next(numbers), Home(Path(sys.argv[1]) / str(number))):
        pass
