"""Pairs: bands, turns, and an ordinary response in the original's place only where it clearly beats it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.annotate.pairs import pairs
from tasks.recipe.data import AnnotateConfig
from tasks.recipe.values import Threshold
from tasks.store.examples import PreferencePair
from tasks.store.reviews import Scored
from tasks.store.rows import Rejected, Seed, Written
from tests.support.rows import review, seed, written

Texts = list[tuple[str, bool, float]]  # response, whether flawed, score


def family(
    original: float, texts: Texts, name: str = "x"
) -> tuple[Seed, list[Written], list[tuple[Seed | Written, float]]]:
    of = seed(f"Say {name}.", f"one two three four five {name}")
    rows = [written(of, text, branch="high", flaw="wrong" if flawed else None) for text, flawed, _ in texts]
    return of, rows, [(of, original), *zip(rows, [score for *_, score in texts], strict=True)]


def of_one(original: float, texts: Texts, **config: object) -> tuple[list[PreferencePair], list[Rejected]]:
    of, rows, scores = family(original, texts)
    values = AnnotateConfig(**({"margin": Threshold(score=1)} | config))  # type: ignore[arg-type]
    kept, rejects, _ = pairs([of], rows, Scored([review(row, score) for row, score in scores]), values)
    return list(kept), list(rejects)


def test_an_ordinary_response_that_scored_low_is_a_reject_too() -> None:
    kept, rejects = of_one(8, [("natural and bad", False, 2)])
    assert [(pair.chosen[:3], pair.rejected) for pair in kept] == [("one", "natural and bad")]
    assert rejects == []


def test_a_text_that_was_written_as_flawed_is_not_chosen_when_it_comes_again_as_an_ordinary_one() -> None:
    texts = [("It is SEVEN!", True, 3.0), ("It is seven.", False, 9.9), ("worse", False, 1.0)]
    kept, _ = of_one(6, texts, pairs_per_prompt=3)
    assert {pair.chosen for pair in kept} == {"one two three four five x"}


def test_both_kinds_take_turns_the_lowest_of_each_first() -> None:
    texts = [("flawed a", True, 1.0), ("flawed b", True, 2.0), ("natural a", False, 3.0), ("natural b", False, 4.0)]
    kept, rejects = of_one(9, texts, pairs_per_prompt=3)
    said = [pair.rejected for pair in kept]
    assert said in (["flawed a", "natural a", "flawed b"], ["natural a", "flawed a", "natural b"])
    assert [reject.rule for reject in rejects] == ["enough pairs"]


def test_seeds_differ_in_which_kind_comes_first() -> None:
    found: list[PreferencePair] = []
    for n in range(24):
        of, rows, scores = family(9, [(f"flawed {n}", True, 1.0), (f"natural {n}", False, 1.0)], name=str(n))
        values = AnnotateConfig(margin=Threshold(score=1))
        found += pairs([of], rows, Scored([review(row, score) for row, score in scores]), values)[0]
    assert 4 < sum(pair.rejected.startswith("natural") for pair in found) < 20


@pytest.mark.parametrize(("score", "chosen"), [(9.0, "one"), (9.01, "bet")])
def test_the_original_is_chosen_unless_beaten_by_a_clear_margin(score: float, chosen: str) -> None:
    kept, rejects = of_one(8, [("better by far", False, score), ("flawed", True, 1)], beats_by=1.0)
    (pair,) = [pair for pair in kept if pair.rejected == "flawed"]
    assert pair.chosen[:3] == chosen
    assert [reject.rule for reject in rejects] == (["margin"] if chosen == "one" else [])


def test_a_flawed_response_is_never_chosen_however_it_scored() -> None:
    kept, rejects = of_one(2, [("flawed and loved", True, 10), ("flawed", True, 0)], beats_by=0.0)
    assert [(pair.chosen[:3], pair.rejected) for pair in kept] == [("one", "flawed")]
    assert [(reject.text, reject.rule) for reject in rejects] == [("flawed and loved", "margin")]


def test_a_margin_band_leaves_out_what_is_too_easy() -> None:
    kept, rejects = of_one(9, [("far below it", True, 1), ("not so far", True, 6)], max_margin=5.0)
    assert [pair.rejected for pair in kept] == ["not so far"]
    assert [(reject.rule, reject.detail) for reject in rejects] == [
        ("margin band", "8.00 below the chosen one, expected at most 5.00")
    ]


def test_a_length_band_is_of_words() -> None:
    texts = [("one", True, 1.0), ("a b c d e f", True, 2.0), (" ".join(["w"] * 13), True, 3.0)]
    kept, rejects = of_one(9, texts, length_ratio=(0.5, 2.0), pairs_per_prompt=9)
    assert [pair.rejected for pair in kept] == ["a b c d e f"]
    assert [reject.detail[:4] for reject in rejects] == ["0.17", "2.17"]


def test_the_same_words_make_no_pair() -> None:
    kept, rejects = of_one(9, [("One, two, three; four five: X!", True, 1)])
    assert (kept, [reject.rule for reject in rejects]) == ([], ["equal texts"])


RESPONSES = st.lists(
    st.tuples(
        st.sampled_from(["a b", "c d e", "f", "one two three four five 0", "g h i j"]), st.booleans(), st.floats(0, 10)
    ),
    max_size=6,
    unique_by=lambda text: (text[0], text[1]),
)


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.floats(0, 10), RESPONSES), max_size=3),
    st.builds(
        AnnotateConfig,
        margin=st.floats(-2, 8).map(lambda s: Threshold(score=s))
        | st.floats(0, 1).map(lambda q: Threshold(quantile=q)),
        max_margin=st.none() | st.floats(0, 10),
        length_ratio=st.none() | st.just((0.5, 2.0)),
        pairs_per_prompt=st.integers(1, 3),
        beats_by=st.floats(0, 3),
    ),
)
def test_every_response_is_in_a_pair_or_has_a_reason_and_no_flawed_one_is_chosen(
    families: list[tuple[float, Texts]], config: AnnotateConfig
) -> None:
    made = [family(original, texts, name=str(n)) for n, (original, texts) in enumerate(families)]
    rows = [row for _, rows, _ in made for row in rows]
    scored = Scored([review(row, score) for *_, scores in made for row, score in scores])
    kept, rejects, threshold = pairs([of for of, *_ in made], rows, scored, config)
    used = [parent for pair in kept for parent in (pair.parents[0], pair.parents[2])]
    flawed = {(row.seed, row.response) for row in rows if row.flaw}
    written_again = {(pair.seed, pair.chosen) for pair in kept if pair.parents[0] != pair.seed}
    assert not flawed & written_again, "by its text, whoever wrote it"
    able = [row for row in rows if (row.seed, row.response) not in flawed]
    assert {row.id for row in rows} <= {*used, *(reject.row for reject in rejects)} | {
        max((row for row in able if row.seed == of.id), key=scored.score, default=of).id for of, *_ in made
    }
    for pair in kept:
        assert pair.margin > threshold >= 0
    assert all(sum(pair.seed == of.id for pair in kept) <= config.pairs_per_prompt for of, *_ in made)
