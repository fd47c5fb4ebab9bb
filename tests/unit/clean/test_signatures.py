"""Signatures tell how alike texts are, and no near duplicate is missed that looking at all pairs would find."""

import random
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from tasks.clean import signatures
from tasks.clean.near_duplicate import NearDuplicates
from tasks.clean.signatures import ENOUGH, HASHES, MOST, Signed, earlier
from tasks.store.kept import Arrays, Kept
from tasks.text.word_ids import WordIds, runs
from tasks.text.words import grams, rouge_l_f, words

VOCABULARY = [f"w{i}" for i in range(3000)]


def text(dice: random.Random, length: int) -> str:
    return " ".join(dice.choices(VOCABULARY, k=length))


def changed(of: str, share: float, dice: random.Random) -> str:
    return " ".join(dice.choice(VOCABULARY) if dice.random() < share else word for word in of.split())


def features(of: str) -> set[tuple[str, ...]]:
    found = words(of)
    return set(grams(found, 1)) | set(grams([*found, "\n"], 2))


def test_a_share_of_equal_hashes_is_the_jaccard_index() -> None:
    dice = random.Random(1)
    pairs = [(one, changed(one, dice.uniform(0, 0.6), dice)) for one in (text(dice, 40) for _ in range(200))]
    signed = Signed.of(side for pair in pairs for side in pair).minima
    estimated = (signed[::2] == signed[1::2]).mean(axis=1)
    true = np.array([len(features(a) & features(b)) / len(features(a) | features(b)) for a, b in pairs])
    off = (estimated - true) / np.maximum(true * (1 - true) / HASHES, 1e-4) ** 0.5
    assert abs(float(off.mean())) < 0.3
    assert 0.7 < float(off.std()) < 1.3  # as of 192 independent hashes


def test_nearly_all_that_looking_at_every_pair_finds_is_found() -> None:
    dice = random.Random(2)
    texts = [text(dice, dice.randint(6, 60)) for _ in range(200)]
    texts += [changed(dice.choice(texts), dice.uniform(0, 0.35), dice) for _ in range(200)]
    split = list(map(words, texts))
    true = {j for i, j in combinations(range(len(texts)), 2) if rouge_l_f(split[i], split[j]) > 0.7}
    known = NearDuplicates(Signed.of(texts), 0.7)
    found = {j for j in range(len(texts)) if known.find(j)}
    assert found <= true
    assert len(found) >= 0.97 * len(true) > 100


@pytest.mark.parametrize("within", [True, False])
def test_new_texts_are_held_against_each_other_only_where_that_is_asked_for(within: bool) -> None:
    dice = random.Random(3)
    old, new = text(dice, 20), text(dice, 20)
    known = NearDuplicates(Signed.of([old, new, f"{new} end", f"{old} end"]), 0.7, first=1, within=within)
    assert [known.find(i) and known.find(i)[0] for i in (1, 2, 3)] == [None, 1 if within else None, 0]  # type: ignore[index]


def test_thousands_of_texts_that_are_nearly_the_same_take_no_more_room_than_others() -> None:
    dice = random.Random(4)
    texts = [changed(one, 0.05, dice) for one in [text(dice, 30)] * 3000]
    known, gone = NearDuplicates(Signed.of(texts), 0.7), dict[int, int | None]()
    assert np.diff(earlier(known.texts, 0, 0.7).bounds).max() <= ENOUGH + MOST
    for i in range(len(texts)):
        if found := known.find(i, gone):
            gone[i] = found[0]
    assert len(gone) >= len(texts) - 2


def test_the_one_that_stands_is_found_behind_a_crowd_that_another_rule_took_out() -> None:
    dice = random.Random(6)
    texts = [changed(one, 0.02, dice) for one in [text(dice, 30)] * 200]
    known, gone = NearDuplicates(Signed.of(texts), 0.7), dict[int, int | None](dict.fromkeys(range(30)))
    for i in range(30, len(texts)):
        if found := known.find(i, gone):
            gone[i] = found[0]
    assert len(gone) == len(texts) - 1


def test_signatures_made_apart_are_those_made_together() -> None:
    dice = random.Random(5)
    texts = [text(dice, length) for length in (0, 5, 1, 70, 0, 3)]
    whole, parts = Signed.of(texts), Signed.of(texts[:2]) + Signed.of(texts[2:])
    assert (whole.minima == parts.minima).all()
    assert [whole.ids[i] for i in range(6)] == [parts.ids[i] for i in range(6)]


def test_runs_stand_within_one_text() -> None:
    ids = WordIds.of(["a b c", "", "b c", "d", "x a b c"])
    hashes, places = runs(ids, 2)
    assert places.tolist() == [0, 1, 3, 6, 7, 8]
    assert hashes[0] == hashes[4]
    assert hashes[1] == hashes[2] == hashes[5]
    assert len(set(hashes.tolist())) == 3
    assert [len(found) for found in runs(WordIds.of(["a"]), 2)] == [0, 0]


def test_of_texts_of_one_template_none_stays_that_is_too_near_to_another_that_stays() -> None:
    dice = random.Random(7)
    fixed, others = VOCABULARY[:14], VOCABULARY[20:40]
    texts = [" ".join([*fixed[:7], *dice.choices(others, k=8), *fixed[7:]]) for _ in range(600)]
    known, gone = NearDuplicates(Signed.of(texts), 0.7), dict[int, int | None]()
    for i in range(len(texts)):
        if found := known.find(i, gone):
            gone[i] = found[0]
    kept = [words(text) for i, text in enumerate(texts) if i not in gone]
    too_near = sum(rouge_l_f(one, other) > 0.7 for one, other in combinations(kept, 2))
    assert len(kept) > 1
    assert too_near <= 2


def test_what_a_pool_had_before_is_not_signed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signatures, "CHUNK", 10)
    dice, kept, signed = random.Random(9), Kept(tmp_path), list[int]()
    sign = signatures._signed

    def counted(part: list[str], hashes: int) -> Arrays:
        signed.append(len(part))
        return sign(part, hashes)

    monkeypatch.setattr(signatures, "_signed", counted)
    texts = [text(dice, 12) for _ in range(34)] + [""]
    for count, expected in ((25, [5, 10, 10]), (25, []), (35, [5, 10])):
        signed.clear()
        found = Signed.of(texts[:count], kept=kept)
        assert sorted(signed) == expected
        alone = Signed.of(texts[:count])
        assert (found.minima == alone.minima).all() and (found.ids.flat == alone.ids.flat).all()
        assert (found.ids.bounds == alone.ids.bounds).all()
    for file in tmp_path.iterdir():
        file.write_bytes(file.read_bytes()[:100])
    assert (Signed.of(texts, kept=kept).minima == Signed.of(texts).minima).all(), "half a file is none"


def test_no_text_has_no_signature() -> None:
    assert len(Signed.of([])) == 0 and len(Signed.of([]) + Signed.of(["one"])) == 1
