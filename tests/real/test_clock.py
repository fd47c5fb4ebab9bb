"""Clocks that change: summer time under a schedule, and one that is set back an hour in the middle of a run."""

import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import anyio
import pytest
import yaml
from prefect.server.schemas.schedules import CronSchedule

from tasks.store.home import ROOT
from tests.support import materials
from tests.support.endpoint import Endpoint
from tests.support.evolution import Evolution
from tests.support.processes import wait_until

SLEEP = ROOT / "tests" / "support" / "clock_nanosleep.c"
BRIEF = str(ROOT / "tests" / "support" / "recipes" / "brief.yaml")
# The days on which Europe's clocks change.
SPRING, AUTUMN = datetime(2027, 3, 28, tzinfo=UTC), datetime(2027, 10, 31, tzinfo=UTC)


def due(cron: str, timezone: str, around: datetime) -> list[datetime]:
    schedule = CronSchedule(cron=cron, timezone=timezone)
    found = anyio.run(lambda: schedule.get_dates(6, around - timedelta(days=3)))
    return [datetime.fromisoformat(one.isoformat()) for one in found]  # pendulum's differ by intervals of its own


@pytest.mark.parametrize("change", [SPRING, AUTUMN])
def test_the_weekly_run_comes_every_seven_days(change: datetime) -> None:
    deployments = yaml.safe_load((ROOT / "deployments" / "prefect.yaml").read_text(encoding="utf-8"))["deployments"]
    (schedule,) = [one for of in deployments for one in of.get("schedules", [])]
    found = due(schedule["cron"], schedule["timezone"], change)
    assert {after - before for before, after in pairwise(found)} == {timedelta(days=7)}


@pytest.mark.parametrize("change", [SPRING, AUTUMN])
def test_a_nightly_run_within_the_hour_that_changes_comes_once_a_night(change: datetime) -> None:
    """At 02:30, which in spring there is not and in autumn twice."""
    nights = [one.date() for one in due("30 2 * * *", "Europe/Paris", change)]
    assert {after - before for before, after in pairwise(nights)} == {timedelta(days=1)}


@pytest.mark.long
def test_a_run_whose_clock_is_set_back_an_hour_ends_as_any_other(
    tiny_model: Path, endpoint: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    libraries = list(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    if not libraries or not shutil.which("gcc"):
        pytest.skip("no libfaketime or no gcc: apt-get install faketime gcc")
    offset, sleep = tmp_path / "offset", tmp_path / "sleep.so"
    offset.write_text("+0")
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", sleep, SLEEP], check=True)
    for name, value in {
        "LD_PRELOAD": f"{sleep}:{libraries[0]}",
        "FAKETIME_TIMESTAMP_FILE": str(offset),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }.items():
        monkeypatch.setenv(name, value)
    seeds = materials.some_seeds(tmp_path / "seeds.jsonl")
    it = Evolution(tmp_path / "home", tiny_model, seeds, BRIEF, endpoint)
    with it.started("--name", "back") as run:
        wait_until(lambda: it.artifacts("signals") or run.poll() is not None, 240, "it has asked")
        offset.write_text("-3600")
        assert run.wait(240) == 0, (tmp_path / "run.log").read_text()[-3000:]
    now = it.run("--name", "back")
    assert now["verdict"]["decision"] in ("promote", "hold", "roll back")
    assert not it.working("*-shard-*")
