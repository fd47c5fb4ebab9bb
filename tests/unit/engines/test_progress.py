"""What bars say: counts, rate and what is left."""

import pytest

from tasks.engines.processes.progress import Progress


def test_an_engines_start_is_no_part_of_the_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("tasks.engines.processes.progress.time.monotonic", lambda: now[0])
    with Progress(quiet=True).bar("evaluate", 21) as bar:
        for at, done in ((40, 1), (42, 11)):
            now[0] = at
            bar.to(done)
        assert str(bar) == "evaluate 11/21 after 42 s, 5.0/s, 2 s left"


def test_nothing_is_foretold_from_one_alone() -> None:
    with Progress(quiet=True).bar("evaluate", 21) as bar:
        bar.to(1)
        assert str(bar) == "evaluate 1/21 after 0 s"


def test_a_step_of_a_job_is_no_part_of_the_next_ones_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("tasks.engines.processes.progress.time.monotonic", lambda: now[0])
    with Progress(quiet=True).bar("sft") as bar:
        for at, what, done, total in ((1, "loss before", 1, 90), (90, "loss before", 90, 90), (95, "loss", 1, 9)):
            now[0] = at
            bar.hear({"what": what, "done": done, "total": total, "figures": {}})
        now[0] = 99
        bar.hear({"what": "loss", "done": 3, "total": 9, "figures": {}})
        assert str(bar) == "sft 3/9 after 99 s, 2.0 s each, 12 s left loss"
