"""The ledger: iterations in order, nothing lost, one run at a time."""

import re
from pathlib import Path

import pytest

from tasks.evaluate.gate import Verdict
from tasks.evaluate.looks import look as look_in
from tasks.evaluate.looks import number_of
from tasks.evolution.ledger import Decision, Iteration, Ledger, read
from tasks.evolution.lock import only_one_run
from tasks.store.artifacts import NO_FILES, Ref, Spec, Store
from tasks.store.home import Home
from tasks.store.shared.document import Document


def ref(name: str, stage: str = "dpo") -> Ref:
    return Ref(stage=stage, fingerprint=f"f-{name}", digest=f"d-{name}")


BASE = ref("base", "model")


def iteration(number: int, before: Ref = BASE, after: Ref | None = None, made: str = "x", run: str = "r1") -> Iteration:
    """An iteration that promoted `after`, or held."""
    return Iteration(
        number=number,
        seeds=ref("seeds", "seeds"),
        champion_before=before,
        champion_after=after or before,
        candidate=after,
        verdict=Verdict(decision="promote" if after else "hold", reasons=("because",)),
        stages={"split": ref(made, "split")},
        recipe={"name": "small"},
        seconds=1.5,
        run=run,
    )


def ledger(*iterations: Iteration) -> Ledger:
    found = Ledger(name="mine", model="tiny", base=BASE)
    for one in iterations:
        found = found.put(one)
    return found


ONE, TWO = iteration(1, after=ref("one")), iteration(2, before=ref("one"), after=ref("two"))
THREE = iteration(3, before=ref("two"))


def test_iterations_are_put_one_after_the_other() -> None:
    found = ledger(ONE, TWO, THREE)
    assert (found.iterations, found.superseded) == ([ONE, TWO, THREE], [])


def test_a_gap_is_a_mistake_of_ours() -> None:
    with pytest.raises(AssertionError, match="in order"):
        ledger(ONE, THREE)


def test_the_same_result_changes_nothing_whoever_found_it_and_when() -> None:
    found = ledger(ONE, TWO)
    again = ONE.model_copy(update={"run": "r2", "seconds": 99.0})
    assert found.put(again) == found
    assert found.put(again).iterations[0].run == "r1"


def test_what_was_made_again_and_came_out_the_same_is_the_same_result() -> None:
    split = ref("x", "split").model_copy(update={"fingerprint": "f-again"})
    found = ledger(ONE, TWO).put(ONE.model_copy(update={"run": "r2", "stages": {"split": split}}))
    assert (found.superseded, found.iterations[0].run) == ([], "r1")
    assert found.iterations[0].stages == {"split": split}, "its artifact is where it is now"


def test_figures_alone_are_told_by_what_made_them() -> None:
    judge = Ref(stage="judge", fingerprint="f-one", digest=NO_FILES)
    again = judge.model_copy(update={"fingerprint": "f"})
    of_one, of_other = (ONE.model_copy(update={"stages": {"judge": one}}) for one in (judge, again))
    assert ledger(of_one).put(of_other).superseded == [of_one]


OTHERS = {
    "stages": {"split": ref("y", "split")},
    "champion_before": ref("other", "model"),
    "champion_after": BASE,
    "verdict": Verdict(decision="hold", reasons=("because",)),
}


@pytest.mark.parametrize("change", OTHERS)
def test_another_result_supersedes_the_old_one_and_what_grew_on_it(change: str) -> None:
    other = ONE.model_copy(update={change: OTHERS[change]})
    found = ledger(ONE, TWO, THREE).put(other)
    assert (found.iterations, found.superseded) == ([other], [ONE, TWO, THREE])


def test_what_stands_before_stays_and_what_was_superseded_is_kept() -> None:
    second, third = (TWO.model_copy(update={"stages": {"split": ref(name)}}) for name in "yz")
    found = ledger(ONE, TWO, THREE, second, third)
    assert (found.iterations, found.superseded) == ([ONE, third], [TWO, THREE, second])


def test_put_leaves_the_ledger_as_it_was() -> None:
    found = ledger(ONE, TWO)
    found.put(iteration(1))
    found.put(THREE)
    assert found == ledger(ONE, TWO)


def test_the_champion_is_the_base_until_a_verdict_moves_it() -> None:
    assert Ledger(name="mine", model="tiny").champion is None
    assert ledger().champion == BASE
    assert ledger(iteration(1)).champion == BASE
    assert ledger(ONE).champion == ref("one")
    assert ledger(ONE, TWO, THREE).champion == ref("two")
    assert ledger(ONE, TWO, iteration(1)).champion == BASE


def test_a_ledger_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    at = Home(tmp_path).ledger("mine")
    assert read(at) is None
    found = ledger(ONE, TWO, iteration(1))
    found.save(at)
    assert read(at) == found
    ledger(ONE).save(at)
    assert read(at) == ledger(ONE)
    assert [file.name for file in at.file.parent.iterdir()] == ["ledger.json"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b'{"name": "mine"}',
        b'{"name": "mine", "model": "x", "iterations": [{"number": 1}]}',
        b"\xff\xfe",
    ],
)
def test_a_file_that_is_no_ledger_is_refused_with_its_path(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "ledger.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r".") as caught:
        read(Document(path, path.name))
    assert str(caught.value).startswith(f"{path}: not a ledger")
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (
            b'{"name": "mine", "model": "x", "format": 2}',
            "its format is 2, this version's 1: use the version that wrote",
        ),
        (b'{"name": "mine", "model": "x", "rung": 3}', "rung Extra inputs are not permitted"),
    ],
)
def test_a_ledger_of_another_version_is_not_half_understood(tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / "ledger.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=re.escape(why)):
        read(Document(path, path.name))


def test_only_one_run_holds_an_evolution(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with only_one_run(home, "mine"):
        with pytest.raises(ValueError, match=r"'mine' has a run under way.*another --name"), only_one_run(home, "mine"):
            pass
        with only_one_run(home, "other"):
            pass
    with only_one_run(home, "mine"):
        pass


def test_a_run_that_fails_lets_go(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="no space"), only_one_run(Home(tmp_path), "mine"):
        raise RuntimeError("no space")
    with only_one_run(Home(tmp_path), "mine"):
        pass


def test_a_veto_that_changed_nothing_is_noted_and_supersedes_nothing() -> None:
    found = ledger(ONE, TWO).put(ONE.model_copy(update={"vetoes": ("seed-1",)}))
    assert [one.vetoes for one in found.iterations] == [("seed-1",), ()]
    assert found.superseded == []


def test_a_killed_run_that_went_on_reaches_what_it_was_to_reach() -> None:
    fresh = ledger(ONE)
    assert fresh.goal_of(2) == 3
    killed = fresh.model_copy(update={"goal": 3}).put(TWO)
    assert killed.goal_of(2) == 3
    assert killed.put(THREE).goal_of(2) == 5


def test_a_run_asks_for_a_stage_again_once_however_often_it_is_retried() -> None:
    of_one = ONE.model_copy(update={"stages": {"sft": ONE.seeds, "dpo": ONE.seeds}})
    found = ledger().put(of_one).from_stage("dpo", "run-1").from_stage("dpo", "run-1").from_stage("dpo", "run-2")
    assert (found.made_again(1), found.made_again(2)) == ({"dpo": 2}, {})
    with pytest.raises(ValueError, match="no stage 'dppo' to redo; it has: sft, dpo"):
        found.from_stage("dppo", "run-1")


APPROVED = Decision(decision="approve", why="I looked", at="2026-01-01T00:00:00+00:00")
REJECTED = Decision(decision="reject", why="", at="2026-01-01T00:00:00+00:00")


def test_a_person_may_hold_what_the_gate_would_promote() -> None:
    held = ONE.decided(REJECTED)
    assert (held.verdict.decision, held.champion_after, held.person) == ("hold", BASE, REJECTED)
    assert held.verdict.reasons == ("rejected by a person", "because")
    approved = ONE.decided(APPROVED)
    assert (approved.verdict.decision, approved.champion_after) == ("promote", ref("one"))
    assert approved.verdict.reasons == ("because", "approved by a person: I looked")


@pytest.mark.parametrize("said", [APPROVED, REJECTED])
def test_what_a_person_said_holds_for_the_same_result_and_no_other(said: Decision) -> None:
    found = ledger(ONE.decided(said))
    assert found.said_of(ONE) == said
    assert found.put(ONE.decided(said)) == found
    others = [iteration(1, after=ref("one"), made="y"), iteration(1, before=ref("other"), after=ref("one")), TWO]
    assert [found.said_of(other) for other in others] == [None, None, None]


def test_what_a_person_said_is_known_of_a_result_that_comes_back() -> None:
    other = iteration(1, after=ref("one"), made="y")
    found = ledger(ONE.decided(REJECTED), other)
    assert found.superseded and found.said_of(ONE) == REJECTED and found.said_of(other) is None


def look(store: Store, name: str, number: int | None) -> dict[str, Ref]:
    """The stages of an iteration whose gate looked at what `name` stands for."""
    config = {"policy": "strict"} | ({"number": number} if number else {})
    with store.draft(spec := Spec(stage="gate", version=1, config=config, inputs={"candidate": name})) as draft:
        draft.record["verdict"] = {}
    found = store.find(spec)
    assert found
    return {"gate": found}


def with_look(store: Store, number: int, name: str, gate: int | None) -> Iteration:
    return iteration(number, made=name).model_copy(update={"stages": look(store, name, gate)})


def test_each_look_at_what_luck_may_promote_has_a_number_and_keeps_it(tmp_path: Path) -> None:
    store, found = Store(tmp_path), ledger()

    def numbered(name: str, at: int) -> int:
        return number_of(look_in({"policy": "strict"}, {"candidate": name}), found.looks, at)

    assert numbered("a", 1) == 1
    found = found.put(with_look(store, 1, "a", 1)).put(with_look(store, 2, "b", 2)).with_looks(store)
    assert [numbered("a", 1), numbered("b", 2), numbered("c", 3), numbered("other a", 1)] == [1, 2, 3, 3]
    found = found.put(with_look(store, 1, "other a", 3)).with_looks(store)
    assert [numbered("other a", 1), numbered("b", 2), numbered("c", 2)] == [3, 2, 4], "b as it was, if it comes again"
    vetoed = with_look(store, 2, "c", 4)
    found = Ledger.model_validate_json(found.with_looks(store, vetoed).model_dump_json())
    assert [numbered("c", 2), numbered("d", 2)] == [4, 5], "what was vetoed before it stood anywhere took its look"
    assert number_of(look_in({"policy": "non-inferiority"}, {"candidate": "c"}), found.looks, 2) == 5


def test_an_iteration_without_a_gate_took_no_look(tmp_path: Path) -> None:
    store, gone = Store(tmp_path), ref("gone", "gate")
    some = [iteration(1), with_look(store, 2, "published", None)]
    some.append(iteration(3).model_copy(update={"stages": {"gate": gone}}))
    found = ledger(*some).with_looks(store)
    assert found.looks == {}
    assert number_of("new", found.looks, 3) == 3


def test_another_version_of_the_gate_with_the_same_verdict_is_the_same_result(tmp_path: Path) -> None:
    """Nothing that a person said of it, and no rollback behind it, is lost by an upgrade."""
    before = ONE.model_copy(update={"stages": {**ONE.stages, "gate": ref("old", "gate")}})
    after = ONE.model_copy(update={"stages": {**ONE.stages, "gate": ref("new", "gate")}})
    assert ledger(before.decided(REJECTED)).said_of(after) == REJECTED
    assert ledger(before).put(after).superseded == []
