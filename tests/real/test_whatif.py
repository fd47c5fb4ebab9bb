"""What other settings would change, from stored signals and verdicts: what a run with them makes, or a refusal."""

import pytest

from tasks.annotate.steps import VERIFIED
from tasks.engines.processes.platform import detect
from tasks.evaluate.gate import Verdict
from tasks.evolution.ledger import Iteration, Ledger
from tasks.evolution.whatif import WhatIf, what_if
from tasks.recipe.recipe import changed
from tasks.store.examples import PreferencePair, SftRow
from tests.real.test_iterate import Ran, run

VERIFY = (
    *("verify.ways=[computed, constraints, hindsight]", "verify.samples=6", "verify.length_ratio=null"),
    *("verify.constraints.questions_per_instruction=3", "verify.computed.questions={reading: 6}", "verify.sft_rows=5"),
    *("review.score=calibrated", "signals.use=[likelihood]", "verify.guard=0.2", "verify.reviewed=0"),
)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    return run(tmp_path_factory.mktemp("whatif"), *VERIFY)


def asked(of: Ran, *settings: str) -> WhatIf:
    one = Iteration(
        number=1,
        seeds=of.seeds,
        champion_before=of.base,
        champion_after=of.base,
        candidate=of.candidate,
        verdict=Verdict(decision="hold", reasons=()),
        stages=of.stages.made,
        recipe=of.stages.recipe.model_dump(mode="json"),
        seconds=1,
        run="r",
    )
    ledger = Ledger(name="scripted", model="tiny", base=of.base, iterations=[one])
    return what_if(of.stages.store, ledger, one, changed(one.recipe, list(settings)), detect(), [])


@pytest.mark.parametrize(
    "settings",
    [
        [],
        ["verify.rows_per_question=1", "verify.sft_rows=9"],
        ["verify.guard=0.6"],
        ["annotate.margin.quantile=0.5", "verify.pairs=2"],
        ["annotate.sft_keep.quantile=0.6"],
    ],
)
def test_it_shows_what_a_run_with_the_settings_makes(first: Ran, settings: list[str]) -> None:
    found = {one.what: one for one in asked(first, *settings).changes}
    then = run(first.stages.store.root, *VERIFY, *settings)
    for label, which in (("annotate", ""), (VERIFIED, "verified ")):
        sft = [
            {f"{row.instruction}\n{row.response}" for row in one.rows(label, SftRow, "sft")} for one in (first, then)
        ]
        pairs = [
            {f"{pair.chosen}\n{pair.rejected}" for pair in one.rows(label, PreferencePair, "pairs")}
            for one in (first, then)
        ]
        for what, (before, after) in (("SFT rows", sft), ("pairs", pairs)):
            change = found[which + what]
            assert (set(change.added), set(change.removed)) == (after - before, before - after)
            assert (change.now, change.then) == (len(before), len(after))
    if not settings:
        assert all(one.added == one.removed == [] for one in found.values())


@pytest.mark.parametrize(
    "setting",
    [
        *("write.temperature=0.2", "write.flawed_per_high_seed=3", "clean.min_response_words=50"),
        *("verify.samples=4", "verify.temperature=0.5", "verify.constraints.most=2", "verify.verdicts=shuffled"),
        *("verify.ways=[computed]", "target={sft_rows: 3, candidates: 50}", "gate.policy=paper", "anchors.draws=2"),
    ],
)
def test_what_a_model_would_be_asked_for_is_refused(first: Ran, setting: str) -> None:
    key = setting.partition("=")[0]
    with pytest.raises(ValueError, match=rf"^{key}.*: nothing that is shown depends on it, or a model would have"):
        asked(first, setting)
