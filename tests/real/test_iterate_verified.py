"""Questions that rules check, in an iteration: real stages, store and flow, a few lines in a model's place."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flows.report.verification import verification
from tasks.annotate.steps import VERIFIED, verified_in
from tasks.engines.calls import Answer, Call
from tasks.engines.processes.platform import detect
from tasks.evolution.funnel import funnel
from tasks.evolution.ledger import Iteration
from tasks.execution.stage import Stages
from tasks.recipe.recipe import changed
from tasks.review.drift import figures
from tasks.seeds import steps as seeding
from tasks.store.artifacts import Draft, Ref, Spec, Store
from tasks.store.examples import PreferencePair, SftRow, TrainRow
from tasks.store.reviews import Review
from tasks.store.rows import Rejected, Seed, Written
from tasks.store.verified import Checked, Edited, Question
from tasks.store.vetoes import Veto
from tasks.verify import steps as verifying
from tasks.verify.checks import base
from tasks.verify.checks.base import verify
from tasks.write import steps as writing
from tests.real import test_iterate
from tests.real.test_iterate import RECIPE, SEEDS, Ran, Scripted, run

WAYS = ("constraints", "computed", "hindsight")
VERIFY = (
    *(
        "verify.ways=[constraints, computed, hindsight]",
        "verify.constraints.questions_per_instruction=6",
        "verify.computed.questions={reading: 12}",
    ),
    *("verify.hindsight.opposites_per_seed=2", "verify.samples=6", "verify.length_ratio=null"),
)


class Varied(Scripted):
    """Half of what it says has a comma, so that answers to one question differ in what they meet."""

    def _answer(self, call: Call) -> Answer:
        said = super()._answer(call)
        return said.model_copy(update={"id": "", "text": f"{said.text}, yes"}) if int(call.key, 16) % 2 else said


@pytest.fixture(scope="module", autouse=True)
def _varied() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(test_iterate, "Scripted", Varied)
        yield


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    return run(tmp_path_factory.mktemp("verified"), *VERIFY)


def questions(of: Ran) -> dict[str, Question]:
    return {row.instruction: row for way in WAYS for row in of.rows(f"questions [{way}]", Question)}


def test_what_is_trained_on_passes_every_check_and_what_is_rejected_fails_one(found: Ran) -> None:
    asked, sft, pairs = (
        questions(found),
        found.rows(VERIFIED, SftRow, "sft"),
        found.rows(VERIFIED, PreferencePair, "pairs"),
    )
    assert sft and pairs

    def outcomes(instruction: str, text: str) -> set[str]:
        return {verify(one.check, text, one.given).outcome for one in asked[instruction].checks}

    assert {outcome for row in sft for outcome in outcomes(row.instruction, row.response)} == {"pass"}
    assert {outcome for pair in pairs for outcome in outcomes(pair.instruction, pair.chosen)} == {"pass"}
    assert all("fail" in outcomes(pair.instruction, pair.rejected) for pair in pairs)
    assert all(row.score is None for row in sft)


def test_it_is_mixed_with_what_a_reviewer_kept(found: Ran) -> None:
    texts = {(row.instruction, row.response) for row in found.rows("mix", TrainRow, "sft")}
    for label in ("annotate", VERIFIED):
        assert {(row.instruction, row.response) for row in found.rows(label, SftRow, "sft")} <= texts
    assert {pair.id for pair in found.rows(VERIFIED, PreferencePair, "pairs")} <= {
        pair.id for pair in found.rows("mix", PreferencePair, "pairs")
    }


def test_each_way_has_its_artifacts_and_counts(found: Ran) -> None:
    labels = [row.label for row in funnel(found.stages.store, found.stages.made)]
    for way in ("constraints", "computed"):
        assert [f"{stage} [{way}]" in labels for stage in ("questions", "write", "clean", "check")] == [True] * 4
    for way in WAYS:
        rates = found.record(f"check [{way}]")["passed"]
        assert rates and all(0 <= one["passed"] <= one["asked"] for one in rates.values())
        checked = found.rows(f"check [{way}]", Checked)
        rejects = found.rows(f"check [{way}]", Rejected, "rejects")
        assert len({row.item for row in checked if row.outcome != "pass"}) == len(rejects)
        assert all(reject.detail.partition(": ")[0] in rates for reject in rejects)
    assert [one.questions for one in verified_in(found.stages.made)] == [
        found.stages.made[f"questions [{way}]"] for way in WAYS
    ]


def test_low_seeds_and_what_was_written_from_them_are_asked_about_and_high_ones_looked_back_on(found: Ran) -> None:
    low, high = (found.rows("split", Seed, side) for side in ("low", "high"))
    new = {row.id for row in found.rows("clean [instructions]", Written)}
    constrained = {row.parents[0] for row in found.rows("questions [constraints]", Question)}
    assert constrained <= {seed.id for seed in low} | new
    assert constrained & new
    assert {row.seed for row in found.rows("questions [hindsight]", Edited, "answers")} <= {seed.id for seed in high}


def test_half_of_the_samples_see_an_example_which_is_not_trained_on(found: Ran) -> None:
    rows = found.rows("write [constraints]", Written)
    prompts = Counter((row.instruction, row.prompt) for row in rows)
    assert set(prompts.values()) == {3, 6}, "without an example all six samples have one prompt"
    assert "kenya" not in str(found.rows("mix", TrainRow, "sft")).lower()


def test_without_branches_the_whole_pool_is_asked_about(tmp_path: Path) -> None:
    alone = run(tmp_path, *VERIFY, "branches=[]")
    assert alone.runner.trained == ["sft", "dpo", "divergence"]
    assert {row.seed for row in alone.rows("questions [constraints]", Question)} == {seed.id for seed in SEEDS}
    assert "annotate" not in alone.stages.made


def test_both_models_are_measured_on_the_same_panels_and_their_test_part(tmp_path: Path) -> None:
    panels = "{sum: 6, instructions: 20}"
    stages = run(tmp_path, *VERIFY, f"evaluate.panels={panels}", "evaluate.test_panels=true").stages
    by_kind = verification(stages.store, iteration(stages))["kinds"]
    for kind in ("at_most_words", "title_case", "sum", "difference"):
        assert re.search(rf"\b{kind} \d\.\d\d to \d\.\d\d", by_kind), kind
    for part in ("panels", "test panels"):
        assert {f"{part} [champion]", f"{part} [candidate]"} <= stages.made.keys()


def test_without_pairs_there_is_no_dpo(tmp_path: Path) -> None:
    assert run(tmp_path, *VERIFY, "branches=[]", "verify.pairs=0").runner.trained == ["sft", "divergence"]


def test_where_one_source_gives_nothing_the_other_is_trained_on(tmp_path: Path) -> None:
    found = run(tmp_path, "verify.ways=[computed]", "verify.computed.questions={sum: 3}")
    assert found.stages.shortage(found.stages.made[VERIFIED])  # no word of the stub is a number
    assert found.candidate


def test_edited_texts_alone_are_preferred_and_no_sft_is_done(tmp_path: Path) -> None:
    found = run(tmp_path, *VERIFY, "verify.ways=[hindsight]", "branches=[]")
    assert found.runner.trained == ["dpo", "divergence"]


def test_where_human_rows_leave_no_room_the_iteration_is_held_with_the_reason(tmp_path: Path) -> None:
    held = run(tmp_path, *VERIFY, "mix.human_share=0.97")
    assert held.candidate is None
    assert held.reasons[0].startswith("no sft to train on: human share: ") and "human rows: 24" in held.reasons[0]


def test_a_seed_that_is_a_panels_instruction_trains_nowhere_where_the_panel_is_asked(tmp_path: Path) -> None:
    asked = Seed(
        instruction="What is a library for?", response="A library lends books to everybody in town.", source="x"
    )
    for settings, there in (((), True), (("evaluate.panels={instructions: 20}",), False)):
        found = run(tmp_path, *VERIFY, *settings, seeds=[*SEEDS, asked])
        assert (asked.id in {seed.id for seed in found.rows("pool", Seed)}) == there
    assert {reject.row: reject.rule for reject in found.rows("pool", Rejected, "rejects")} == {
        asked.id: "contamination"
    }


class Terse(Scripted):
    def _answer(self, call: Call) -> Answer:
        return super()._answer(call).model_copy(update={"id": "", "text": "7"})


def test_equal_answers_are_no_duplicates_where_each_is_right_or_wrong_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(test_iterate, "Scripted", Terse)
    questions = "verify.computed.questions={sum: 5}"
    found = run(tmp_path, "branches=[]", "verify.ways=[computed]", questions, "verify.samples=4")
    assert len(found.rows("clean [computed]", Written)) == 20
    asked = found.rows("check [computed]", Checked)
    assert len(asked) == 20 and {row.outcome for row in asked} <= {"pass", "fail"}


def test_where_nothing_passes_the_iteration_is_held_with_the_reason(tmp_path: Path) -> None:
    held = run(
        tmp_path, "branches=[]", "verify.ways=[computed]", "verify.computed.questions={sum: 3}"
    )  # no word of the stub is a number
    assert held.candidate is None
    assert held.reasons[0].startswith("no verified SFT row: no question had answers that pass")


def test_another_version_of_a_check_makes_again_what_followed_from_it_and_asks_no_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run(tmp_path, *VERIFY)
    used = {parent for row in first.rows(VERIFIED, SftRow, "sft") for parent in row.parents}
    checked = [row for way in WAYS for row in first.rows(f"check [{way}]", Checked)]
    name = next(row.check for row in checked if row.id in used)
    known = dict(base.checks())
    known[name] = base.Check(name, known[name].version + 1, known[name].function)
    monkeypatch.setattr(base, "checks", lambda: known)
    again = run(tmp_path, *VERIFY)
    assert not [label for label in again.runner.asked if not label.startswith("evaluate")]

    def changed(label: str) -> bool:
        return first.stages.made[label] != again.stages.made[label]

    for way in WAYS:
        asked = {one.check for row in first.rows(f"questions [{way}]", Question) for one in row.checks}
        assert changed(f"check [{way}]") == (name in asked), way
    assert changed(VERIFIED) and changed("mix")
    assert not any(map(changed, ("annotate", "write [constraints]", "check [computed]")))
    before = {row.id for row in checked if row.check == name}
    rows = again.rows(VERIFIED, SftRow, "sft") + again.rows(VERIFIED, PreferencePair, "pairs")
    assert before and not before & {parent for row in rows for parent in row.parents}


@pytest.mark.parametrize("verdicts", ["shuffled", "ignored"])
def test_a_control_asks_the_same_and_keeps_other_answers(tmp_path: Path, verdicts: str, found: Ran) -> None:
    pairs = ["verify.pairs=0"] if verdicts == "ignored" else []
    control = run(tmp_path, *VERIFY, f"verify.verdicts={verdicts}", *pairs)
    for way in ("constraints", "computed"):
        assert control.stages.made[f"clean [{way}]"].digest == found.stages.made[f"clean [{way}]"].digest
    rates = [one.record("check [constraints]")["passed"] for one in (found, control)]
    assert (rates[0] == rates[1]) == (verdicts == "shuffled")
    kept = [{(row.instruction, row.response) for row in one.rows(VERIFIED, SftRow, "sft")} for one in (found, control)]
    assert kept[0] != kept[1]


@pytest.mark.parametrize("kind", ["instruction", "written", "sft", "pair"])
def test_a_vetoed_text_and_what_was_made_from_it_train_nowhere(tmp_path: Path, kind: str) -> None:
    first = run(tmp_path, *VERIFY)
    sft, pairs = first.rows(VERIFIED, SftRow, "sft"), first.rows(VERIFIED, PreferencePair, "pairs")
    asked_of = {row.instruction: row.parents[0] for row in first.rows("questions [constraints]", Question)}
    new = {row.id for row in first.rows("clean [instructions]", Written)}
    answered = next(row.instruction for row in sft if asked_of.get(row.instruction) in new)
    vetoed = {"instruction": asked_of[answered], "written": sft[0].parents[0], "sft": sft[0].id, "pair": pairs[0].id}
    row = vetoed[kind]
    again = run(tmp_path, *VERIFY, vetoes=[Veto(row=row, why="no", iteration=2, at="now")])
    rows: list[Any] = again.rows(VERIFIED, SftRow, "sft") + again.rows(VERIFIED, PreferencePair, "pairs")
    assert row not in {one.id for one in rows} | {parent for one in rows for parent in one.parents}
    assert row not in {asked_of.get(one.instruction) for one in rows}
    assert "veto" in {reject.rule for reject in again.rows(VERIFIED, Rejected, "rejects")}


def test_the_next_iteration_asks_other_questions_and_trains_on_both(tmp_path: Path) -> None:
    first = run(tmp_path, *VERIFY)
    assert first.candidate
    grown = [first.stages.made["annotate"], first.stages.made[VERIFIED]]
    second = run(tmp_path, *VERIFY, number=2, champion=first.candidate, grown_from=grown)
    asked = [{row.instruction for row in one.rows("questions [computed]", Question)} for one in (first, second)]
    assert len(asked[0] & asked[1]) < 4
    trained = {(row.instruction, row.response) for row in second.rows("mix", TrainRow, "sft")}
    assert {(row.instruction, row.response) for row in first.rows(VERIFIED, SftRow, "sft")} <= trained
    assert not {seed.instruction for seed in second.rows("pool", Seed)} & set(questions(first))


def taken_in(folder: Path, rows: list[dict[str, str]], *settings: str) -> tuple[Stages, Ref, Ref]:
    """An iteration's stages with seeds of these rows, and the pool."""
    (folder / "seeds.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    recipe = changed(RECIPE, (f"seeds={folder / 'seeds.jsonl'}", *settings))
    stages = Stages(Scripted(recipe=recipe, store=Store(folder / "store"), platform=detect()), 1)
    seeds = seeding.take_in_seeds(stages)
    return stages, seeds, seeding.pool(stages, seeds, [])


def test_seeds_that_know_what_is_right_are_asked_as_they_are(tmp_path: Path) -> None:
    rows = [{"question": f"What is {n} plus 2?", "answer": f"{n} + 2 = {n + 2}\n#### {n + 2}"} for n in range(12)]
    rows += [{"question": "What is 2?", "answer": "A number."}]
    stages, seeds, pool = taken_in(tmp_path, rows, "verify.ways=[given]", "branches=[]")
    asked = stages.store.rows(verifying.ask(stages, "given", seeds, pool, None, []), Question)
    given = {seed.id: seed.instruction for seed in stages.store.rows(pool, Seed)}
    assert 0 < len(asked) <= len(given)
    assert {row.seed: row.instruction for row in asked}.items() <= given.items()
    for row in asked:
        (n,) = re.findall(r"is (\d+) plus", row.instruction)
        assert [(one.check, one.given) for one in row.checks] == [("number", {"answer": str(int(n) + 2)})]


def test_the_reviewer_is_held_against_what_rules_know(tmp_path: Path) -> None:
    settings = ("review.score=calibrated", "signals.use=[likelihood]", "verify.reviewed=7", "verify.ways=[constraints]")
    found = run(tmp_path, *VERIFY[1:], *settings)
    looked = found.rows("answers to review", Written)
    assert len(looked) <= 14 and len(looked) % 2 == 0
    truth = found.record("judge [verdicts]")["truth"]
    assert (truth[0]["about"], truth[0]["questions"]) == ("all together", len(looked) // 2)
    assert all(one["low"] <= one["auc"] <= one["high"] for one in truth)
    shown = figures(found.stages.store, found.stages.made)
    assert shown["AUC right over wrong, all together"] == truth[0]["auc"]


def test_what_a_seed_knows_holds_for_its_instruction_with_constraints_and_no_score_goes_against_it(
    tmp_path: Path,
) -> None:
    rows = [{"prompt": f"What is {n} plus 2?", "response": f"It is {n + 2}.", "answer": str(n + 2)} for n in range(30)]
    rows += [{"prompt": f"Tell me about lake {n}.", "response": f"Lake {n} is deep and very cold."} for n in range(30)]
    stages, seeds, pool = taken_in(tmp_path, rows, "verify.ways=[constraints]", "write.ordinary_per_high_seed=1")
    store, runner = stages.store, stages.runner
    knowing = {question.seed: question.checks for question in verifying.known(store, seeds)}
    asked = store.rows(verifying.ask(stages, "constraints", seeds, pool, None, []), Question)
    of_knowing = [question for question in asked if question.seed in knowing]
    assert of_knowing and len(of_knowing) < len(asked)
    assert all({*knowing[question.seed]} < {*question.checks} for question in of_knowing)

    def save(draft: Draft) -> None:
        draft.table("low", [])
        draft.table("high", store.rows(pool, Seed))

    routes = runner.compute(Spec(stage="split", version=1), "split", save)
    model = runner.train(Spec(stage="base", version=1), "base", "", {})
    made = writing.write_round(
        stages, model, routes=routes, pool=pool, seeds=seeds, branches=["preference"], earlier=[]
    ).written
    answered = {what: {row.seed for row in store.rows(made[what], Written)} for what in made}
    assert answered["flawed"] & knowing.keys()
    assert answered["ordinary"] and not answered["ordinary"] & knowing.keys()


def iteration(stages: Stages) -> Iteration:
    return Iteration.model_construct(number=1, stages=stages.made, recipe=stages.recipe.model_dump(mode="json"))


def test_the_report_shows_how_often_checks_are_met_and_why(found: Ran) -> None:
    one, store = iteration(found.stages), found.stages.store
    shown = verification(store, one)
    assert {row["way"] for row in shown["rates"]} == set(WAYS)
    assert shown["rows"] == len(found.rows(VERIFIED, SftRow, "sft"))
    for pair in shown["samples"]:
        assert all(": pass, " in said for said in pair["right"])
        assert any(": fail, " in said for said in pair["wrong"])
    assert verification(store, one.model_copy(update={"stages": {}})) == {}


def test_a_guard_leaves_out_passing_answers_with_the_lowest_scores(tmp_path: Path) -> None:
    settings = ("review.score=calibrated", "signals.use=[likelihood]", "verify.guard=0.5")
    guarded = run(tmp_path, *VERIFY, *settings)
    scores = {row.item: row.score or 0 for row in guarded.rows("review [passing]", Review)}
    out = {row.row for row in guarded.rows(VERIFIED, Rejected, "rejects") if row.rule == "guard"}
    low = sorted(scores, key=lambda row: (scores[row], row))[: len(scores) // 2]
    met_too_often = {row.row for row in guarded.rows(VERIFIED, Rejected, "rejects") if row.rule == "teaches nothing"}
    assert out and out == set(low) - met_too_often
    trained = {row.parents[0] for row in guarded.rows(VERIFIED, SftRow, "sft")}
    assert not trained & out
