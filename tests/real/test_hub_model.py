"""A model from the hub: fetched by its commit, with what is there so far said; or refused in one sentence."""

import contextlib
import json
import os
import struct
import subprocess
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from tasks.engines.processes.job import BAD_INPUT, Job
from tasks.engines.processes.platform import model_python
from tasks.store.artifacts import Spec, Store
from tasks.store.home import ROOT
from tests.support.listening import serving

SPEC = Spec(stage="base-model", version=1)
COMMIT = "c" * 40


def fetch(folder: Path, hub: str) -> tuple[Job, int]:
    given = {"repository": "owner/model", "revision": "main"}
    job = Job(store=folder / "store", spec=SPEC, work=folder / "work", given=given)
    job.work.mkdir()
    job.file.write_text(job.model_dump_json())
    environment = os.environ | {"HF_HUB_OFFLINE": "0", "HF_ENDPOINT": hub, "HF_HOME": str(folder)}
    command = [str(model_python()), "-m", "tasks.engines.jobs.hub_model", str(job.file)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=False, timeout=120)
    return job, done.returncode


@contextlib.contextmanager
def hub(files: dict[str, bytes], slow_s: float) -> Iterator[str]:
    """A hub with one model; a file of a megabyte or more comes in parts, `slow_s` seconds apart."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def do_GET(self) -> None:
            self._answer(body=True)

        def _answer(self, body: bool) -> None:
            path = self.path.partition("?")[0]
            name = path.rpartition("/")[2]
            sizes = {name: len(content) for name, content in files.items()}
            siblings = [{"rfilename": name, "size": size} for name, size in sizes.items()]
            tree = [{"type": "file", "path": name, "size": size, "oid": name} for name, size in sizes.items()]
            about: Any = tree if "/tree/" in path else {"id": "owner/model", "sha": COMMIT, "siblings": siblings}
            content = json.dumps(about).encode() if path.startswith("/api/") else files[name]
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("ETag", f'"{name}"')
            self.send_header("X-Repo-Commit", COMMIT)
            self.end_headers()
            for start in range(0, len(content) if body else 0, 10**6):
                time.sleep(slow_s if start else 0)
                self.wfile.write(content[start : start + 10**6])

        def log_message(self, *_: object) -> None:
            pass

    with serving(Handler) as address:
        yield address


TEMPLATE = (
    "{% for m in messages %}[{{ m.role }}]{{ m.content }}[end]{% endfor %}"
    "{% if add_generation_prompt %}[assistant]{% endif %}"
)
TOKENIZER = json.dumps({"chat_template": TEMPLATE}).encode()
VALUES = b"w" * 30 * 10**6
HEADER = json.dumps({"w": {"dtype": "U8", "shape": [len(VALUES)], "data_offsets": [0, len(VALUES)]}}).encode()
WEIGHTS = struct.pack("<Q", len(HEADER)) + HEADER + VALUES


def test_what_is_there_so_far_is_said(tmp_path: Path) -> None:
    small = {"config.json": b"{}", "tokenizer.json": b"{}", "tokenizer_config.json": TOKENIZER}
    files = small | {"model.safetensors": WEIGHTS, "pytorch_model.bin": b"w" * 2 * 10**6}
    with hub(files, slow_s=0.1) as address:
        job, code = fetch(tmp_path, address)
    assert code == 0
    store = Store(job.store)
    ref = store.find(SPEC)
    assert ref
    assert set(store.record(ref)["files"]) == files.keys() - {"pytorch_model.bin"}
    assert store.record(ref)["source"] == {"hub": "owner/model", "revision": "main", "commit": COMMIT}
    said = [json.loads(line) for line in job.progress_file.read_text().splitlines()]
    assert {(one["what"], one["total"]) for one in said} == {("MB fetched", 30)}
    assert any(0 < one["done"] < 30 for one in said), said


def test_without_a_network_it_says_so(tmp_path: Path) -> None:
    job, code = fetch(tmp_path, "http://127.0.0.1:9")
    assert code == BAD_INPUT
    assert job.refusal_file.read_text().startswith("model owner/model@main: could not be fetched from the hub (")
    assert "Check the name and the network" in job.refusal_file.read_text()
    assert Store(job.store).find(SPEC) is None
