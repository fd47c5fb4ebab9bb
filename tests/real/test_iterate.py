"""The order of things in an iteration, without Prefect's server, an engine or a trainer: rounds, branches, vetoes.

Whatever a model would do is done by a few lines here; stages, store and flow are the real ones.
"""

import hashlib
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from prefect.logging import disable_run_logger

from flows.iterate import Vetoed, _candidate_and_verdict, iterate
from tasks.engines.calls import LABELS, Answer, Call
from tasks.engines.processes.platform import detect
from tasks.evaluate.looks import look_of
from tasks.evolution.funnel import funnel
from tasks.execution.offline import Offline
from tasks.execution.stage import NextCalls, SaveAnswers, Stages
from tasks.recipe.recipe import changed
from tasks.review.drift import figures
from tasks.store.artifacts import Draft, Ref, Spec, Store
from tasks.store.examples import PreferencePair, SftRow, TrainRow
from tasks.store.reviews import Anchor, Review
from tasks.store.rows import Rejected, Seed, Written
from tasks.store.vetoes import Veto
from tasks.write.steps import candidates, rounds_of
from tests.support.words import sentence

RECIPE: dict[str, Any] = {
    "name": "scripted",
    "signals": {"use": []},
    "review": {"score": "random"},
    "split": {"threshold": {"quantile": 0.5}},
    "annotate": {"sft_keep": {"quantile": 0.2}, "margin": {"quantile": 0.0}},
    "write": {"instructions_per_low_seed": 1, "answers_per_instruction": 2, "flawed_per_high_seed": 1},
    "gate": {"min_items": 2},
}


@dataclass(frozen=True, kw_only=True)
class Scripted(Offline):
    """A runner that answers at once with words drawn from a hash of the request."""

    asked: list[str] = field(default_factory=list)
    trained: list[str] = field(default_factory=list)
    untrainable: str = ""  # the stage that finds nothing to train on
    parrot: bool = False  # says the same for the same request, whatever it is sampled with

    def infer(self, spec: Spec, label: str, model: Ref, calls: NextCalls, save: SaveAnswers) -> Ref:
        def save_all(draft: Draft) -> None:
            self.asked.append(label)
            answers: dict[str, Answer] = {}
            asked: list[Call] = []
            while now := [call for call in calls(answers) if call.key not in answers]:
                asked += now
                answers |= {call.key: self._answer(call) for call in now}
            save(draft, asked, list(answers.values()))
            draft.record |= {"tokens": {"prompt": 0, "new": 0}, "requests": len(asked)}

        return self.compute(spec, label, save_all)

    def train(self, spec: Spec, label: str, module: str, given: dict[str, Any]) -> Ref:
        def save(draft: Draft) -> None:
            self.trained.append(label)
            if label == self.untrainable:
                draft.record["shortage"] = [f"{label}: none of 9 rows fits"]
                return
            (draft.path / "model.safetensors").write_bytes(hashlib.sha256(spec.fingerprint.encode()).digest())
            draft.record |= {"loss": {"before": 1.0, "after": 0.5}, "moved": 0.1, "kl": 0.01}

        return self.compute(spec, label, save)

    def _answer(self, call: Call) -> Answer:
        dice = random.Random(call.key)
        count = len(call.response.split()) + 1
        log_probs = tuple(-5 * dice.random() for _ in range(count)) if call.kind == "likelihood" else ()
        if call.kind == "score":
            shares = [dice.random() for _ in LABELS]
            log_probs = tuple(math.log(share / sum(shares)) for share in shares)
        return Answer(
            call=call.key,
            text=sentence(str(call.messages) if self.parrot else call.key),
            finish="stop",
            log_probs=log_probs,
            prompt_tokens=1,
            new_tokens=9,
        )


@dataclass
class Ran:
    stages: Stages
    runner: Scripted
    candidate: Ref | None
    reasons: tuple[str, ...]
    seeds: Ref
    base: Ref

    def rows(self, label: str, kind: Any, table: str = "rows") -> list[Any]:
        return list(self.stages.store.rows(self.stages.made[label], kind, table))

    def record(self, label: str) -> dict[str, Any]:
        return self.stages.store.record(self.stages.made[label])


SEEDS = [Seed(instruction=f"Tell {sentence(f'i{n}')}", response=sentence(f"r{n}"), source=f"s:{n}") for n in range(24)]
ANCHORS = [Seed(instruction=f"Say {sentence(f'x{n}')}", response=sentence(f"y{n}"), source=f"x:{n}") for n in range(5)]
HELD_OUT = [Seed(instruction=f"Ask {sentence(f'h{n}')}", response=sentence(f"a{n}"), source=f"h:{n}") for n in range(4)]


def run(
    folder: Path,
    *settings: str,
    vetoes: Sequence[Veto] = (),
    seeds: Sequence[Seed] = SEEDS,
    number: int = 1,
    champion: Ref | None = None,
    grown_from: Sequence[Ref] = (),
    parrot: bool = False,
    untrainable: str = "",
    held_out: Sequence[Seed] = HELD_OUT,
    anchors: int = 5,
    looks: Mapping[str, int] = {},
) -> Ran:
    recipe, store = changed(RECIPE, settings), Store(folder)
    runner = Scripted(recipe=recipe, store=store, platform=detect(), parrot=parrot, untrainable=untrainable)
    stages = Stages(runner, number, vetoes)

    def save(draft: Draft) -> None:
        draft.table("rows", seeds)
        draft.table("held_out", held_out)
        draft.table("anchors", ANCHORS[:anchors])

    taken_in = runner.compute(
        Spec(stage="seeds", version=1, inputs={"n": f"{len(seeds)} {anchors} {len(held_out)}"}), "seeds", save
    )
    base = runner.train(Spec(stage="base", version=1), "base", "", {})
    runner.trained.clear()
    start = champion or base
    with disable_run_logger():  # no flow runs here
        candidate, verdict = _candidate_and_verdict(stages, start, start, base, taken_in, grown_from, looks)
    return Ran(stages, runner, candidate, verdict.reasons, taken_in, base)


def test_the_second_iteration_reviews_the_whole_pool_with_its_own_model(tmp_path: Path) -> None:
    """The published scripts drop the first seeds, and later reuse what an earlier model thought of them."""
    first = run(tmp_path)
    kept = {row.instruction for row in first.rows("annotate", SftRow, "sft")}
    assert first.candidate
    second = run(tmp_path, number=2, champion=first.candidate, grown_from=[first.stages.made["annotate"]])
    pool = second.rows("pool", Seed)
    assert {seed.instruction for seed in pool} == {seed.instruction for seed in SEEDS} | kept
    assert {(seed.origin, seed.iteration) for seed in pool} == {("given", 0), ("written", 1)}
    reviews = second.rows("review [seeds]", Review)
    assert {review.item for review in reviews} == {seed.id for seed in pool}
    assert {review.reviewer for review in reviews} == {first.candidate.digest}
    written = [{row.instruction for row in one.rows("write [instructions]", Written)} for one in (first, second)]
    assert not written[0] & written[1]


def test_a_gate_is_the_one_behind_all_looks_that_were_taken_and_the_same_look_is_no_other(tmp_path: Path) -> None:
    first = run(tmp_path)
    taken = look_of(first.stages.store, first.stages.made)
    assert taken and taken[1] == 1
    for looks, number in (({"other": 1}, 2), ({"other": 1, taken[0]: 2, "later": 3}, 2)):
        assert run(tmp_path, looks=looks).record("gate")["config"]["number"] == number
    stricter = run(tmp_path, "gate.min_effect=3", looks=dict([taken]))
    assert stricter.record("gate")["config"]["number"] == 2, "the same candidate under another policy"


def test_an_iteration_in_one_round(tmp_path: Path) -> None:
    found = run(tmp_path)
    assert found.runner.trained == ["sft", "dpo", "divergence"]
    assert [label for label in found.stages.made if "round" in label] == []
    assert found.record("annotate")["target"] == ""
    labels = [row.label for row in funnel(found.stages.store, found.stages.made)]
    assert labels.index("clean [instructions]") < labels.index("write [answers]") < labels.index("annotate")


def test_rounds_go_on_until_the_target_is_reached_exactly(tmp_path: Path) -> None:
    first = run(tmp_path)
    one_round = len(first.rows("annotate", SftRow, "sft"))
    wanted = one_round + 5
    found = run(tmp_path, f"target.sft_rows={wanted}", "target.pairs=3", "target.candidates=500")
    assert len(found.rows("annotate", SftRow, "sft")) == wanted
    assert len(found.rows("annotate", PreferencePair, "pairs")) == 3
    assert found.record("annotate")["target"].startswith("target reached with")
    assert "write [answers, round 2]" in found.stages.made
    assert "write [flawed, round 2]" not in found.stages.made, "the pairs were there after the first round"
    assert "write [answers]" not in found.runner.asked, "the first round is the one that stood"
    draws = [row.draw for row in found.rows("write [instructions, round 2]", Written)]
    assert set(draws) == {1}
    kept = {row.instruction for row in found.rows("annotate", SftRow, "sft")}
    later = {row.instruction for row in found.rows("clean [answers, round 2]", Written)}
    assert kept & later, "rows of both rounds are among them"


def test_a_later_round_is_held_against_the_earlier_ones(tmp_path: Path) -> None:
    found = run(tmp_path, "target.sft_rows=1000", "target.candidates=100", parrot=True)
    assert found.rows("clean [instructions]", Written)
    assert len(found.rows("write [instructions, round 2]", Written)) == len(found.rows("write [instructions]", Written))
    assert found.rows("clean [instructions, round 2]", Written) == []
    assert {reject.rule for reject in found.rows("clean [instructions, round 2]", Rejected, "rejects")} == {"duplicate"}


def test_a_spent_budget_ends_the_rounds_and_says_so(tmp_path: Path) -> None:
    found = run(tmp_path, "target.sft_rows=1000", "target.candidates=60")
    said = found.record("annotate")["target"]
    assert said.startswith("the 60 candidates are spent (")
    assert 55 < candidates(found.stages, rounds_of(found.stages.made)) <= 60
    assert f"sft {len(found.rows('annotate', SftRow, 'sft'))} of 1000" in said
    assert found.candidate, "what there is trains"


def test_where_candidates_do_not_last_for_one_round_it_works_on_fewer_seeds_of_both_sides(tmp_path: Path) -> None:
    found = run(tmp_path, "target.sft_rows=1000", "target.pairs=1000", "target.candidates=40")
    (first, *_) = rounds_of(found.stages.made)
    sides = [len({row.seed for row in found.rows(f"write [{what}]", Written)}) for what in ("instructions", "flawed")]
    assert all(0 < found_in < len(SEEDS) // 2 for found_in in sides)
    assert candidates(found.stages, [first]) <= candidates(found.stages, rounds_of(found.stages.made)) <= 40


@pytest.mark.parametrize("where", ["champion", "base"])
def test_training_goes_on_from_the_champion_or_begins_again_from_m_0(tmp_path: Path, where: str) -> None:
    first = run(tmp_path)
    assert first.candidate
    grown = [first.stages.made["annotate"]]
    second = run(tmp_path, f"train_from={where}", number=2, champion=first.candidate, grown_from=grown)
    before = {"champion": first.candidate.digest, "base": first.record("sft")["inputs"]["model"]}
    assert second.record("sft")["inputs"]["model"] == before[where]
    assert second.record("dpo")["inputs"]["model"] == second.stages.made["sft"].digest


def test_the_instruction_branch_alone(tmp_path: Path) -> None:
    found = run(tmp_path, "branches=[sft]", "split.threshold.score=10")
    assert found.runner.trained == ["sft", "divergence"]
    assert not [label for label in found.stages.made if "flawed" in label]
    assert found.candidate == found.stages.made["sft"]


def test_the_preference_branch_alone(tmp_path: Path) -> None:
    found = run(tmp_path, "branches=[preference]")
    assert found.runner.trained == ["dpo", "divergence"]
    assert not [label for label in found.stages.made if "answers" in label or "instructions" in label]


def test_the_seeds_alone(tmp_path: Path) -> None:
    found = run(tmp_path, "branches=[]", "mix.human_share=1")
    assert found.runner.trained == ["sft", "divergence"]
    assert {row.instruction for row in found.rows("mix", TrainRow, "sft")} == {seed.instruction for seed in SEEDS}
    assert not [label for label in found.runner.asked if not label.startswith("evaluate")]


def test_the_reference_of_dpo_is_part_of_what_it_is(tmp_path: Path) -> None:
    first = run(tmp_path)
    again = run(tmp_path, "dpo.reference=base")
    assert (first.stages.made["sft"], again.runner.trained) == (again.stages.made["sft"], ["dpo", "divergence"])
    assert "reference" in again.record("dpo")["inputs"]


def test_a_seed_that_holds_a_measured_item_is_neither_worked_on_nor_trained_on(tmp_path: Path) -> None:
    leaked = Seed(instruction=HELD_OUT[0].instruction.upper(), response="Yes, it is so.", source="s:99")
    found = run(tmp_path, "mix.human_share=0.5", seeds=[*SEEDS, leaked])
    (reject,) = found.rows("pool", Rejected, "rejects")
    assert (reject.row, reject.rule) == (leaked.id, "contamination")
    assert "h:0" in reject.detail
    assert leaked.instruction not in {row.instruction for row in found.rows("mix", TrainRow, "sft")}


def test_what_is_measured_on_now_does_not_train_though_an_earlier_iteration_learned_from_it(tmp_path: Path) -> None:
    first = run(tmp_path)
    assert first.candidate
    pair = first.rows("annotate", PreferencePair, "pairs")[0]
    measured = next(seed for seed in SEEDS if seed.id == pair.seed)
    earlier = [first.stages.made["annotate"]]
    later = {"number": 2, "champion": first.candidate, "grown_from": earlier, "held_out": [*HELD_OUT, measured]}
    second = run(tmp_path, "keep_rows_of_held_iterations=true", **later)  # type: ignore[arg-type]
    assert pair.id in {reject.row for reject in second.rows("mix", Rejected, "rejects")}
    assert measured.instruction not in {one.instruction for one in second.rows("mix", PreferencePair, "pairs")}
    assert measured.instruction not in {one.instruction for one in second.rows("mix", TrainRow, "sft")}


@pytest.mark.parametrize("stage", ["sft", "dpo"])
def test_where_nothing_can_be_trained_on_the_iteration_is_held(tmp_path: Path, stage: str) -> None:
    found = run(tmp_path, untrainable=stage)
    assert (found.candidate, found.reasons) == (None, (f"{stage}: none of 9 rows fits",))


@pytest.mark.parametrize("kind", ["written", "sft", "pair", "seed"])
def test_a_vetoed_row_trains_nowhere_and_what_follows_is_made_again(tmp_path: Path, kind: str) -> None:
    first = run(tmp_path, "mix.human_share=0.3")
    sft, pairs = first.rows("annotate", SftRow, "sft"), first.rows("annotate", PreferencePair, "pairs")
    row = {"written": sft[0].parents[0], "sft": sft[0].id, "pair": pairs[0].id, "seed": pairs[0].seed}[kind]
    again = run(tmp_path, "mix.human_share=0.3", vetoes=[Veto(row=row, why="no", iteration=2, at="now")])
    assert not [label for label in again.runner.asked if not label.startswith("evaluate")], "nothing is written again"
    assert "dpo" in again.runner.trained
    assert "veto" in {reject.rule for reject in again.rows("annotate", Rejected, "rejects")}
    left = {one.id for one in again.rows("annotate", SftRow, "sft") + again.rows("annotate", PreferencePair, "pairs")}
    assert (sft[0].id not in left) == (kind in ("written", "sft"))
    assert (pairs[0].id not in left) == (kind in ("pair", "seed"))
    later = run(tmp_path, number=2, vetoes=[Veto(row=row, why="no", iteration=2, at="now")])
    assert row not in {seed.id for seed in later.rows("pool", Seed)}


def test_of_thousands_of_vetoes_the_server_is_told_how_many_there_are() -> None:
    """It refuses a run whose parameters have more than 512 KiB."""
    many = Vetoed(vetoes=tuple(Veto(row=f"sft-{n:016x}", why="no", iteration=1, at="now") for n in range(5000)))
    assert iterate.serialize_parameters({"vetoed": many}) == {"vetoed": {"rows": 5000}}


def test_scores_that_say_nothing_are_the_same_for_the_same_row(tmp_path: Path) -> None:
    scores = [review.score for review in run(tmp_path).rows("review [seeds]", Review)]
    assert scores == [review.score for review in run(tmp_path).rows("review [seeds]", Review)]
    assert max(scores) - min(scores) > 5
    assert all(0 <= score <= 10 for score in scores)


def test_the_reviewer_is_fitted_retested_and_attacked_with_anchors_that_train_nothing(tmp_path: Path) -> None:
    found = run(tmp_path, "review.score=calibrated", "signals.use=[likelihood, sampled]", "anchors.canaries=13")
    record = found.record("judge")
    assert (record["retest"]["n"], record["canaries"]["n"]) == (20, 13)
    assert record["retest"]["spread"] > 0, "the second look is another one"
    assert record["judge"]["aucs"]
    shown = figures(found.stages.store, found.stages.made, found.stages.made)
    assert (shown["drift of the mean"], shown["canary gain"]) == (0, record["canaries"]["mean"])
    assert {"AUC mismatched", "AUC own mismatched", "retest difference"} <= shown.keys()
    assert figures(found.stages.store, {}) == {}
    anchors = {row.response for row in found.rows("write [anchors]", Anchor)}
    trained = {row.response for row in found.rows("mix", TrainRow, "sft")}
    assert not anchors & trained


def test_a_reviewer_that_is_asked_is_judged_too_and_nothing_is_fitted(tmp_path: Path) -> None:
    found = run(tmp_path, "signals.use=[read]", "review.score=read", anchors=3)
    record = found.record("judge")
    assert record["calibration"] is None
    assert {one["corruption"] for one in record["judge"]["aucs"]} >= {"mismatched", "truncated", "garbled"}
    assert record["canaries"]["n"] + record["canaries"]["unparsed"] == found.runner.recipe.anchors.canaries
    assert record["retest"]["n"] > 0
    assert found.rows("review [seeds]", Review)[0].principles == ()
    assert "judge" not in run(tmp_path / "without", "signals.use=[read]", "review.score=read", anchors=0).stages.made


def test_too_few_anchor_seeds_are_refused_before_anything_is_asked(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"3 seeds are set aside as anchors, expected at least 4; .*anchor_share"):
        run(tmp_path, "review.score=calibrated", "signals.use=[likelihood]", anchors=3)
    assert not (tmp_path / "evaluate").exists()
    run(tmp_path, anchors=3)  # scores that need none
