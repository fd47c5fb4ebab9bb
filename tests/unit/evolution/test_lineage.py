"""Lineage and vetoes: back to the seed, forth to the checkpoints, and what a person takes out."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flows.cli.explain import explain
from tasks.evaluate.gate import Verdict
from tasks.evolution.ledger import Iteration, Ledger
from tasks.evolution.lineage import Lineage
from tasks.store.artifacts import Ref, Spec, Store
from tasks.store.examples import PreferencePair, SftRow, TrainRow
from tasks.store.home import Home
from tasks.store.rows import Rejected, Row
from tasks.store.vetoes import Veto, add, read, without
from tests.support.rows import review, seed, written

LOW, HIGH = seed("Say why.", "Because."), seed("Name a river.", "The Elbe.")
ASKED = written(LOW, instruction="Say in two sentences why it rains.")
ANSWER = written(LOW, "Water rises and falls.", instruction=ASKED.instruction).model_copy()
FLAWED = written(HIGH, "The Alps.", branch="high", flaw="wrong fact")
SFT = SftRow.of(ANSWER, review(ANSWER, 9))
PAIR = PreferencePair.of(HIGH, review(HIGH, 9), FLAWED, review(FLAWED, 2))
TRAIN = TrainRow.of(SFT)
TOO_LONG = TrainRow.of(seed("Count.", "One, two, three, four, five, six, seven."))
GONE = Rejected.of(ASKED, "overlap", "too near")


def evolution(folder: Path) -> tuple[Store, Ledger]:
    store = Store(folder)

    def made(stage: str, start: Ref | None = None, **tables: Sequence[Row]) -> Ref:
        inputs = {"model": start.digest} if start else {}
        with store.draft(spec := Spec(stage=stage, version=1, inputs=inputs)) as draft:
            for name, rows in tables.items():
                draft.table(name, rows)
        found = store.find(spec)
        assert found
        return found

    stages = {
        "write [answers]": made("write", rows=[ANSWER, FLAWED]),
        "clean": made("clean", rows=[ANSWER, FLAWED], rejects=[GONE]),
        "review": made("review", rows=[review(row, 9) for row in (ANSWER, HIGH)] + [review(FLAWED, 2)]),
        "annotate": made("annotate", sft=[SFT], pairs=[PAIR]),
        "mix": made("mix", sft=[TRAIN, TOO_LONG], pairs=[PAIR]),
    }
    base = made("base", rows=[seed("M_0")])  # tables in place of weights
    stages["sft"] = made("sft", base, rejects=[Rejected.of(TOO_LONG, "too long", "9 tokens")])
    stages["dpo"] = made("dpo", stages["sft"], rows=[seed("DPO")])
    one = Iteration(
        number=1,
        seeds=made("seeds", rows=[LOW, HIGH]),
        champion_before=base,
        champion_after=stages["dpo"],
        candidate=stages["dpo"],
        verdict=Verdict(decision="promote", reasons=("because",)),
        stages=stages,
        recipe={},
        seconds=1,
        run="r",
    )
    return store, Ledger(name="mine", model="tiny", iterations=[one])


def test_a_pair_leads_back_to_its_seed(tmp_path: Path) -> None:
    lineage = Lineage(*evolution(tmp_path))
    found = lineage.ancestors(PAIR.id)
    assert set(found) == {HIGH.id, FLAWED.id, review(HIGH, 9).id, review(FLAWED, 2).id}
    assert lineage.find(PAIR.id).stands_in == {"iteration 1": ["annotate / pairs", "mix / pairs"]}
    assert lineage.content(FLAWED.id)["flaw"] == "wrong fact"


def test_a_seeds_descendants_end_in_the_checkpoints(tmp_path: Path) -> None:
    store, ledger = evolution(tmp_path)
    lineage = Lineage(store, ledger)
    low, high = lineage.descendants(LOW.id), lineage.descendants(HIGH.id)
    assert {ANSWER.id, SFT.id, TRAIN.id} <= set(low)
    assert PAIR.id in high
    assert PAIR.id not in low
    stages = ledger.iterations[0].stages
    both = {f"iteration 1, {stage}": stages[stage] for stage in ("sft", "dpo")}
    assert lineage.trained(set(low)) == both  # DPO goes on from what SFT made
    assert lineage.trained(set(high)) == {"iteration 1, dpo": stages["dpo"]}
    assert lineage.trained({FLAWED.id}) == {}  # itself it stands in no mix
    assert lineage.trained({TOO_LONG.id}) == {}  # SFT left it out


@pytest.mark.parametrize("start", ["candidate", "base"])
def test_a_row_is_in_all_that_was_trained_from_its_checkpoint(tmp_path: Path, start: str) -> None:
    """Whatever the champion was: where M_0 is trained anew, or as published, another model is the start."""
    store, ledger = evolution(tmp_path)
    first = ledger.iterations[0]
    model = first.champion_after if start == "candidate" else first.champion_before
    with store.draft(spec := Spec(stage="sft", version=1, inputs={"model": model.digest})) as draft:
        draft.table("rows", [seed("SFT")])
    later = store.find(spec)
    assert later
    second = first.model_copy(update={"number": 2, "stages": {"sft": later}})
    found = Lineage(store, ledger.model_copy(update={"iterations": [first, second]})).trained({PAIR.id})
    assert found.get("iteration 2, sft") == (later if start == "candidate" else None)
    assert found["iteration 1, dpo"] == first.stages["dpo"]


def test_a_seed_that_taught_m_0_is_in_everything(tmp_path: Path) -> None:
    store, ledger = evolution(tmp_path)
    with store.draft(spec := Spec(stage="teach", version=1)) as draft:
        draft.table("sft", [TrainRow.of(HIGH)])
    rows, first = store.find(spec), ledger.iterations[0]
    assert rows
    taught = ledger.model_copy(update={"teaching": {"reviews to learn": rows, "teach": first.champion_before}})
    lineage = Lineage(store, taught)
    found = lineage.trained(set(lineage.descendants(HIGH.id)))
    assert list(found) == ["M_0, teach", "iteration 1, sft", "iteration 1, dpo"]
    assert lineage.find(TrainRow.of(HIGH).id).stands_in == {"M_0": ["reviews to learn / sft"]}


def test_tables_that_were_written_without_types_are_read(tmp_path: Path) -> None:
    """As they were before rows had columns of their own: parents that no row has are a list of nothing."""
    store, ledger = evolution(tmp_path)
    file = store.path(ledger.iterations[0].seeds) / "rows.parquet"
    pq.write_table(pa.Table.from_pylist([row.model_dump(mode="json") for row in (LOW, HIGH)]), file)
    assert {ANSWER.id, SFT.id} <= set(Lineage(store, ledger).descendants(LOW.id))
    assert Lineage(store, ledger).standing("written-0") == "written-0"


def test_an_unknown_row_is_said_to_be_one(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no row 'seed-0' in evolution 'mine' \(\d+ rows\)"):
        Lineage(*evolution(tmp_path)).ancestors("seed-0")


@pytest.mark.parametrize(
    ("vetoed", "kept"),
    [
        (ANSWER.id, [FLAWED]),
        (LOW.id, [FLAWED]),  # written for it
        (HIGH.id, [ANSWER]),
        ("written-0", [ANSWER, FLAWED]),
    ],
)
def test_a_veto_takes_out_the_row_and_what_was_made_from_it(vetoed: str, kept: list[Row]) -> None:
    found, rejects = without([ANSWER, FLAWED], {vetoed: "it is wrong"})
    assert found == kept
    assert all((reject.rule, reject.detail) == ("veto", "it is wrong") for reject in rejects)
    assert len(found) + len(rejects) == 2


def test_pairs_sft_rows_and_seeds_can_be_vetoed_too() -> None:
    assert without([PAIR], {PAIR.id: "no"})[0] == without([PAIR], {HIGH.id: "no"})[0] == []
    assert without([SFT], {ANSWER.id: "no"})[0] == without([SFT], {LOW.id: "no"})[0] == []
    assert without([LOW, HIGH], {LOW.id: "no"})[0] == [HIGH]


def vetoed(store: Store, ledger: Ledger, **replaced: object) -> Ledger:
    """As when SFT was made again without its only row."""
    with store.draft(spec := Spec(stage="annotate", version=9)) as draft:
        draft.table("rejects", without([SFT], {SFT.id: "it is wrong"})[1])
    annotated = store.find(spec)
    assert annotated
    (one,) = ledger.iterations
    stages = {label: ref for label, ref in one.stages.items() if label not in ("mix", "sft", "dpo")}
    again = one.model_copy(update={"stages": stages | {"annotate": annotated}})
    return ledger.model_copy(update={"iterations": [again]} | replaced)


def test_a_vetoed_row_is_explained_though_it_stands_in_no_table_any_more(tmp_path: Path) -> None:
    store, ledger = evolution(tmp_path)
    lineage = Lineage(store, vetoed(store, ledger))
    there = lineage.standing(SFT.id)
    assert there != SFT.id and lineage.content(there)["detail"] == "it is wrong"
    assert {ANSWER.id, LOW.id} <= set(lineage.ancestors(there))
    assert lineage.standing(ANSWER.id) == ANSWER.id and lineage.standing("sft-0") == "sft-0"


def test_what_was_made_from_a_row_does_not_stand_for_it(tmp_path: Path) -> None:
    store, ledger = evolution(tmp_path)
    (one,) = ledger.iterations
    reviewed = one.model_copy(update={"stages": {"review": one.stages["review"]}})
    lineage = Lineage(store, ledger.model_copy(update={"iterations": [reviewed]}))
    assert ANSWER.id not in lineage and lineage.standing(ANSWER.id) == ANSWER.id


def test_an_evolution_that_has_the_row_goes_before_one_that_rejected_it(tmp_path: Path) -> None:
    home = Home(tmp_path)
    store, ledger = evolution(home.store)
    for one in (vetoed(store, ledger, name="first"), ledger):
        one.save(home.ledger(one.name))
    assert explain(home, SFT.id, None, True).lineage.ledger.name == "mine"
    assert explain(home, SFT.id, "first", True).row.startswith("rejected-")


def test_vetoes_are_kept_with_their_reason_and_once(tmp_path: Path) -> None:
    at = Home(tmp_path).vetoes("mine")
    assert read(at) == []
    first = add(at, [LOW.id, LOW.id], "not ours", 2, "2026-01-01T00:00:00+00:00")
    assert add(at, [LOW.id, PAIR.id], "again", 3, "2026-01-02T00:00:00+00:00") == read(at)[1:]
    assert first == [Veto(row=LOW.id, why="not ours", iteration=2, at="2026-01-01T00:00:00+00:00")]
    assert [veto.why for veto in read(at)] == ["not ours", "again"]


def test_of_two_people_who_veto_at_once_nobody_loses_a_row(tmp_path: Path) -> None:
    at = Home(tmp_path).vetoes("mine")
    rows = [[f"seed-{who}-{n}" for n in range(20)] for who in "ab"]

    def one_by_one(own: list[str]) -> None:
        for row in own:
            add(at, [row], "", 1, "now")

    with ThreadPoolExecutor() as both:
        list(both.map(one_by_one, rows))
    assert sorted(veto.row for veto in read(at)) == sorted(rows[0] + rows[1])


def test_what_is_nothing_to_learn_from_is_not_vetoed(tmp_path: Path) -> None:
    at = Home(tmp_path).vetoes("mine")
    with pytest.raises(ValueError, match="review-1 cannot be vetoed; veto the seed, written, edited, sft, pair row"):
        add(at, ["review-1"], "no", 1, "now")
    at.write("{}\n")
    with pytest.raises(ValueError, match=r"vetoes\.jsonl, line 1: not a veto"):
        read(at)
