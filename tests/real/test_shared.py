"""What machines have in common in an object store: texts, leases, journals; each home here is a machine of its own."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tasks.engines.calls import Answer
from tasks.engines.shards import Shards
from tasks.evolution import champion as champions
from tasks.evolution import ledger as ledgers
from tasks.evolution.garbage import collecting, remove
from tasks.evolution.lock import Busy, left_alone, only_one_run
from tasks.execution.claim import to_be_made
from tasks.store import vetoes
from tasks.store.artifacts import Ref, Spec, Store
from tasks.store.home import ROOT, Home
from tasks.store.shared import lease as leases
from tasks.store.shared import lines
from tasks.store.shared.document import Superseded
from tasks.store.shared.lease import Lease
from tasks.store.shared.objects import Objects
from tests.support.processes import wait_until
from tests.support.s3 import S3, running
from tests.unit.engines.test_shards import CALLS, SHARD, Asked, answered
from tests.unit.evolution.test_ledger import ONE, TWO, ledger

LEASE_S = 2.0
BEGINS = """
import sys, time
from pathlib import Path
from tasks.engines.shards import Shards
from tasks.evolution.lock import left_alone, only_one_run
from tasks.store.artifacts import Store
from tasks.store.home import Home
from tasks.store.shared import lease, lines
from tests.unit.engines.test_shards import CALLS, SHARD, answered
lease.LEASE_S, lease.RENEW_S, lines.PART_S = 2.0, 0.4, 0.2
home = Home(Path(sys.argv[1]))
shards = Shards(Store.of(home), home)
def holds(): print("has it", flush=True); time.sleep(600)
"""
# Each then has something, and never lets go.
RUN = BEGINS + "with only_one_run(home, 'mine', 'run-1'): holds()\n"
PRESENT = BEGINS + "with left_alone(home): holds()\n"
ANSWERS = BEGINS + (
    "with shards.claimed(SHARD) as mine, shards._put(SHARD):\n"
    "    shards._known(SHARD).add_new(answered(call, 'by the dead') for call in CALLS[:3])\n"
    "    time.sleep(1)\n"
    "    holds()\n"
)


@pytest.fixture
def objects(s3: S3, monkeypatch: pytest.MonkeyPatch) -> Objects:
    """Of a test, with leases that are short."""
    monkeypatch.setattr(leases, "LEASE_S", LEASE_S)
    monkeypatch.setattr(leases, "RENEW_S", 0.4)
    monkeypatch.setattr(lines, "PART_S", 0.2)
    monkeypatch.setattr("tasks.evolution.lock.POLL_S", 0.1)
    found = Objects.given()
    assert found
    return found


@pytest.fixture
def homes(tmp_path: Path, objects: Objects) -> tuple[Home, Home]:
    return Home(tmp_path / "one"), Home(tmp_path / "other")


class Machine:
    """A process with a home of its own that has something until it is killed."""

    def __init__(self, code: str, home: Home):
        command = [sys.executable, "-c", code, str(home.root)]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, env=os.environ)
        assert self.process.stdout and self.process.stdout.readline() == b"has it\n"

    def __enter__(self) -> "Machine":
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def test_a_ledger_is_the_same_on_both_machines_and_a_late_writer_is_told(homes: tuple[Home, Home]) -> None:
    one, other = (home.ledger("mine") for home in homes)
    assert ledgers.read(one) is None and ledgers.read(other) is None
    champions.keep(homes[0], ledger(ONE), one)
    assert ledgers.read(other) == ledger(ONE) and homes[1].evolutions == ["mine"]
    champions.keep(homes[1], ledger(ONE, TWO), other)
    with pytest.raises(Superseded, match="another run has written it meanwhile"):
        ledger(ONE).save(one)
    assert ledgers.read(homes[0].ledger("mine")) == ledger(ONE, TWO)
    assert homes[0].ledger("mine").file.read_text() == homes[1].ledger("mine").file.read_text()


def test_an_evolution_from_before_there_was_an_object_store_is_put_there(
    homes: tuple[Home, Home], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        before.delenv("LANCE_STORE")
        ledger(ONE).save(homes[0].ledger("mine"))
    assert ledgers.read(homes[1].ledger("mine")) is None
    assert ledgers.read(homes[0].ledger("mine")) == ledger(ONE)
    assert ledgers.read(homes[1].ledger("mine")) == ledger(ONE)


def test_what_was_written_without_the_object_store_is_not_written_over(
    homes: tuple[Home, Home], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = homes
    ledger(ONE).save(one.ledger("mine"))
    with monkeypatch.context() as without:
        without.delenv("LANCE_STORE")
        ledger(ONE, TWO).save(one.ledger("mine"))
    with pytest.raises(ValueError, match="was changed without the object store"):
        ledgers.read(one.ledger("mine"))
    assert ledgers.read(other.ledger("mine")) == ledger(ONE)
    file = one.ledger("mine").file
    assert '"number": 2' in file.read_text(), "it is still there"
    file.unlink()
    assert ledgers.read(one.ledger("mine")) == ledger(ONE)


def test_of_two_machines_that_veto_at_once_neither_loses_a_row(homes: tuple[Home, Home]) -> None:
    def one_by_one(home: Home) -> None:
        for n in range(8):
            vetoes.add(home.vetoes("mine"), [f"seed-{home.root.name}-{n}"], "", 1, "now")

    with ThreadPoolExecutor() as both:
        list(both.map(one_by_one, homes))
    assert len(vetoes.read(homes[0].vetoes("mine"))) == 16


def test_what_comes_and_goes_is_gone_on_both(homes: tuple[Home, Home]) -> None:
    one, other = (home.waiting("mine") for home in homes)
    one.write('{"run": "0123"}')
    assert other.read() == '{"run": "0123"}'
    other.remove()
    assert one.read() is None and homes[0].waiting("mine").read() is None


def test_a_lease_is_one_machine_s_while_it_lives(objects: Objects) -> None:
    one, other = Lease(objects, "lease", "one", "a run"), Lease(objects, "lease", "other")
    assert one.take()
    with one.kept():
        until = time.monotonic() + 2 * LEASE_S
        while time.monotonic() < until:
            assert not other.take()
            time.sleep(0.1)
        assert other.renewed and leases.holder(objects, "lease") == "a run"
    assert leases.holder(objects, "lease") is None and other.take()


def test_a_dead_owner_loses_it_and_another_process_of_its_home_has_it_at_once(objects: Objects) -> None:
    assert Lease(objects, "lease", "one").take()
    assert Lease(objects, "lease", "one").take()
    other, started = Lease(objects, "lease", "other"), time.monotonic()
    while not other.take():
        time.sleep(0.1)
    assert LEASE_S <= time.monotonic() - started < LEASE_S + 10
    assert not other.renewed


def test_who_has_lost_it_does_not_take_it_back(objects: Objects, caplog: pytest.LogCaptureFixture) -> None:
    """A process that slept for longer than its lease."""
    one, other = Lease(objects, "lease", "one"), Lease(objects, "lease", "other", "the new one")
    assert one.take()
    while not other.take():
        time.sleep(0.1)
    with other.kept():
        with one.kept():
            wait_until(lambda: "another machine has it now" in caplog.text, 10, "that it was told")
        assert leases.holder(objects, "lease") == "the new one"


def test_time_in_which_nobody_could_look_does_not_count(objects: Objects) -> None:
    assert Lease(objects, "lease", "one").take()
    other = Lease(objects, "lease", "other")
    for _ in range(3):
        assert not other.take()
        time.sleep(LEASE_S)
    assert not other.take(), "four looks, and each pause counts as a beat"


def test_of_two_machines_that_need_the_same_training_one_does_it(homes: tuple[Home, Home]) -> None:
    spec, both_wait, made = Spec(stage="sft", version=1), threading.Barrier(2), list[str]()

    def machine(home: Home) -> None:
        store = Store.of(home)
        both_wait.wait()
        with to_be_made(spec, store, home) as mine:
            if mine:
                time.sleep(2)
                made.append(home.root.name)
                with store.draft(spec) as draft:
                    (draft.path / "model.txt").write_text(home.root.name)
        assert store.find(spec)

    with ThreadPoolExecutor() as both:
        list(both.map(machine, homes))
    assert len(made) == 1


def test_an_evolution_has_one_run_on_whatever_machine_and_goes_on_behind_a_dead_one(homes: tuple[Home, Home]) -> None:
    with Machine(RUN, homes[0]) as machine:
        with pytest.raises(Busy, match="'mine' has a run under way"), only_one_run(homes[1], "mine"):
            pass
        machine.kill()
        started = time.monotonic()
        with only_one_run(homes[1], "mine"):
            assert time.monotonic() - started >= LEASE_S
    with only_one_run(homes[0], "mine"):
        pass


def test_another_machine_goes_on_with_what_a_dead_one_had_answered(homes: tuple[Home, Home]) -> None:
    shards = Shards(Store.of(homes[1]), homes[1])
    with Machine(ANSWERS, homes[0]) as machine:
        with shards.claimed(SHARD) as mine:
            assert not mine
        assert shards.answered([SHARD]) == 3
        machine.kill()
    engine = Asked()
    said = shards.answer(SHARD, engine.client, {})
    assert [call.row for call in engine.calls] == [CALLS[3].row] and said.startswith("1 answers, 3 known before")
    found = shards.find(SHARD)
    assert found and [row.text for row in shards.store.rows(found, Answer)][:3] == ["by the dead"] * 3
    assert Shards(Store.of(homes[0]), homes[0]).find(SHARD) == found
    assert not [one for one in _of(homes[0]).entries("work") if one.key.endswith(".jsonl")], "what nobody needs now"


def test_two_machines_want_one_claim_and_each_call_is_asked_once(homes: tuple[Home, Home]) -> None:
    engines, together = [Asked(), Asked()], threading.Barrier(2)

    def work(home: Home, engine: Asked) -> str:
        shards = Shards(Store.of(home), home)
        together.wait()
        return shards.answer(SHARD, engine.client, {})

    with ThreadPoolExecutor() as both:
        said = list(both.map(work, homes, engines))
    assert sorted(len(engine.calls) for engine in engines) == [0, len(CALLS)]
    assert sum("made by another run meanwhile" in one for one in said) == 1


def test_answers_from_elsewhere_are_noted_for_whoever_answers(homes: tuple[Home, Home]) -> None:
    one, other = (Shards(Store.of(home), home) for home in homes)
    one.note(SHARD, {CALLS[0].key: answered(CALLS[0])})
    engine = Asked()
    other.answer(SHARD, engine.client, {})
    assert [call.row for call in engine.calls] == [call.row for call in CALLS[1:]]


def test_a_server_that_is_away_costs_nobody_what_is_his(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running() as s3:
        for name, value in s3.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr("tasks.evolution.lock.POLL_S", 0.1)
        one, other = Home(tmp_path / "one"), Home(tmp_path / "other")
        shards = Shards(Store.of(one), one)
        monkeypatch.setattr(leases, "LEASE_S", 8.0)
        monkeypatch.setattr(leases, "RENEW_S", 1.0)
        with only_one_run(one, "mine"):
            s3.stop()
            threading.Timer(20, s3.start).start()
            started = time.monotonic()
            shards.answer(SHARD, Asked().client, {})
            ledger(ONE).save(one.ledger("mine"))
            assert time.monotonic() - started >= 19
            with pytest.raises(Busy), only_one_run(other, "mine"):
                pass
        assert Shards(Store.of(other), other).find(SHARD) and ledgers.read(other.ledger("mine")) == ledger(ONE)


def made(home: Home, stage: str, text: str) -> Ref:
    store, spec = Store.of(home), Spec(stage=stage, version=1, config={"of": text})
    with store.draft(spec) as draft:
        (draft.path / "rows.txt").write_text(text * 1000)
    found = store.find(spec)
    assert found
    return found


def test_what_no_ledger_names_is_collected_in_the_object_store_too(homes: tuple[Home, Home]) -> None:
    one, other = homes
    needed, old = made(one, "mix", "needed"), made(one, "mix", "old")
    iteration = ONE.model_copy(update={"stages": {"mix": needed}})
    champions.keep(one, ledger(iteration), one.ledger("mine"))
    with collecting(other, 3600) as found:
        assert found == []
    with collecting(other, -1) as found:
        assert [str(gone.path) for gone in found] == [f"mix/{old.fingerprint}"]
        remove(found)
    assert Store.of(other).find(needed) and Store.of(other).find(old) is None


def test_what_is_somebody_else_s_is_not_collected(homes: tuple[Home, Home], objects: Objects) -> None:
    old = made(homes[0], "mix", "old")
    theirs = ["photos/2021/a.jpg", "other-lance/evolutions/x/ledger.json", f"mix/{old.fingerprint[:-1]}x/record.json"]
    for key in theirs:
        assert objects.create(key, "theirs")
    with collecting(homes[1], -1) as found:
        assert [str(gone.path) for gone in found] == [f"mix/{old.fingerprint}"]
        remove(found)
    assert all(objects.read(key) for key in theirs)


def test_nothing_is_collected_while_another_machine_has_a_run_and_a_dead_one_is_no_run(
    homes: tuple[Home, Home], objects: Objects
) -> None:
    with Machine(PRESENT, homes[0]) as machine:
        with pytest.raises(ValueError, match="another machine has a run that is not over"), collecting(homes[1], 0):
            pass
        machine.kill()
        with collecting(homes[1], 0):
            begun = _begins(homes[0])
            assert not begun.wait(1), "a run has begun while a collection goes"
        assert begun.wait(10)
    wait_until(lambda: not list(objects.entries("runs")), 10, "no run that is under way")


def _begins(home: Home) -> threading.Event:
    """Set once a run has begun there."""
    begun = threading.Event()

    def run() -> None:
        with left_alone(home):
            begun.set()

    threading.Thread(target=run).start()
    return begun


def test_a_store_keeps_to_its_size_by_what_can_be_had_again(homes: tuple[Home, Home]) -> None:
    home, store = homes[0], Store.of(homes[0])
    refs = [made(home, "mix", text) for text in ("first", "second", "third")]
    only_here = Store(home.store)
    with only_here.draft(Spec(stage="mix", version=2)) as draft:
        (draft.path / "rows.txt").write_text("never put there")
    assert store.bucket
    store.find(refs[0])  # used last
    most_gib = 0.5 * _size(home) / 2**30
    assert store.bucket.evict(home.store, most_gib) == 2
    there = [(store.path(ref) / "rows.txt").exists() for ref in refs]
    assert there == [True, False, False] and only_here.find(Spec(stage="mix", version=2))
    assert all(store.find(ref) for ref in refs), "brought again"


def test_what_is_there_otherwise_or_in_another_store_is_not_removed_here(
    homes: tuple[Home, Home], monkeypatch: pytest.MonkeyPatch
) -> None:
    (one, other), spec = homes, Spec(stage="mix", version=1)
    with monkeypatch.context() as without:
        without.delenv("LANCE_STORE")
        for home in homes:
            with Store.of(home).draft(spec) as draft:
                (draft.path / "rows.txt").write_text(home.root.name)
    refs = [Store.of(home).find(spec) for home in homes]
    assert refs[0] and refs[1] and refs[0] != refs[1]
    bucket = Store.of(other).bucket
    assert bucket and bucket.evict(other.store, 0) == 0, "another content of that name is there"
    assert Store.of(other).find(refs[0]) is None and Store.of(other).find(refs[1]) == refs[1]
    monkeypatch.setenv("LANCE_STORE", f"{os.environ['LANCE_STORE']}-of-others")
    elsewhere = Store.of(one).bucket
    assert elsewhere and elsewhere.evict(one.store, 0) == 0, "it is in the store of before"
    assert Store.of(one).find(spec) == refs[0]
    assert elsewhere.evict(one.store, 0) == 1


def test_a_home_has_one_identity_whoever_asks_first(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as many:
        said = set(many.map(lambda _: Home(tmp_path).own_identity(), range(200)))
    assert len(said) == 1 and all(said)
    assert [file.name for file in tmp_path.iterdir()] == ["identity"]


def test_a_put_that_hangs_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a server that takes connections and says nothing."""
    accepted: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        for name, value in (S3(port=port).environment | {"LANCE_STORE": "s3://x/y"}).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr("tasks.store.shared.objects.TEXT_TIMEOUT", "1s")
        monkeypatch.setattr("tasks.store.shared.objects.RETRY_S", 2.0)
        threading.Thread(target=_accept, args=(silent, accepted), daemon=True).start()
        with pytest.raises(Exception, match="error sending request"):
            Objects("s3://x/y").create("key", "text")
        silent.shutdown(socket.SHUT_RDWR)  # whoever waits for a connection is told
    assert len(accepted) >= 2


def _accept(server: socket.socket, accepted: list[socket.socket]) -> None:
    with contextlib.suppress(OSError):  # closed
        while True:
            accepted.append(server.accept()[0])


def _size(home: Home) -> int:
    return sum(file.stat().st_size for file in home.store.rglob("*") if file.is_file())


def _of(home: Home) -> Objects:
    bucket = Store.of(home).bucket
    assert bucket
    return bucket.objects
