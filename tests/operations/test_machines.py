"""A second machine works for the server of the first."""

import json
from pathlib import Path

import psutil

from tasks.home import Home
from tests.operations.served import Served


def test_a_machine_takes_runs_of_a_server_elsewhere_and_leaves_it_alone(served: Served, tmp_path: Path) -> None:
    other = Served(tmp_path / "home", served.model, served.seeds)
    try:
        done = other.lance("up", "--server", f"{served.url}/api")
        assert done.returncode == 0 and f"PREFECT_API_URL={served.url}/api" in done.stdout, done.stdout + done.stderr
        assert [file.name for file in Home(other.home).services.iterdir()] == ["worker-cpu.json"]
        own = json.loads((Home(served.home).services / "worker-cpu.json").read_text())["pid"]
        psutil.Process(own).kill()
        run = served.start(name="of-another", seeds="no/such/seeds.jsonl")
        assert served.wait(run, within_s=60)["state_type"] == "FAILED", "nobody took it"
        assert "worker-cpu stopped" in other.lance("down").stdout
    finally:
        other.down()
        served.up()
    assert served.run(run)["state_type"] == "FAILED"


def test_a_server_that_does_not_answer_is_named(tmp_path: Path, served: Served) -> None:
    other = Served(tmp_path / "home", served.model, served.seeds)
    done = other.lance("up", "--server", "http://127.0.0.1:9")
    assert done.returncode != 0 and "no Prefect server answers at http://127.0.0.1:9/api" in done.stderr, done.stderr
    done = other.lance("up", "--server", served.url, "--port", "4201")
    assert done.returncode == 2 and "expected no --host and no --port beside it" in done.stderr, done.stderr
