"""Clean, over the whole pool: near duplicates, items that are only measured on, languages, boilerplate."""

from pathlib import Path

import pytest

from tasks.clean import contamination
from tasks.clean.base import Candidate
from tasks.clean.boilerplate import Boilerplate
from tasks.clean.contamination import Contamination
from tasks.clean.language import Language
from tasks.clean.near_duplicate import NearDuplicates, best
from tasks.clean.rules import clean
from tasks.clean.signatures import Signed
from tasks.recipe.data import CleanConfig
from tasks.store.kept import Arrays, Kept
from tasks.store.reviews import Scored
from tasks.store.rows import Seed, Written
from tasks.text.language import language, name_of
from tests.support.rows import review, seed, written

CONFIG = CleanConfig()
BREAD = seed(
    "Explain to a beginner how bread is baked at home.", "Mix flour, water, salt and yeast, wait, then bake it."
)
FRENCH = "Le pain se fait avec de la farine, de l'eau, du sel et un peu de levure, puis on attend."
GERMAN = "Erkläre bitte einem Anfänger ausführlich, wie man zu Hause ein gutes Brot backen kann."


def instruction(text: str, draw: int = 0) -> Written:
    return written(seed(), instruction=text, draw=draw)


def test_a_new_instruction_is_held_against_the_whole_pool_and_not_its_family_alone() -> None:
    rows = [
        instruction("Explain to a beginner how bread is baked at school."),  # of another family
        instruction("Say why the sea is salty and lakes are not.", 1),
        instruction("Say why the sea is salty and rivers are not.", 2),
        instruction("List the tools that a baker needs.", 3),
    ]
    kept, rejects = clean(rows, "instruction", [BREAD], [], CONFIG)
    assert kept == [rows[1], rows[3]]
    assert [(reject.row, reject.rule) for reject in rejects] == [
        (rows[0].id, "near duplicate"),
        (rows[2].id, "overlap"),  # of the same family
    ]
    assert rejects[0].detail == f"ROUGE-L 0.90 with the instruction of {BREAD.id}"
    assert clean(rows, "instruction", [BREAD], [], CleanConfig(without=("near_duplicate", "overlap")))[0] == rows


@pytest.mark.parametrize(("above", "found"), [(0.79, True), (0.8, False)])
def test_near_means_above_the_threshold_by_exact_rouge_l(above: float, found: bool) -> None:
    known = NearDuplicates(Signed.of(["a b c d e f g h i j", "a b c d e f g h X Y"]), above)
    assert (known.find(1) is not None) == found  # 8 of 10 on both sides


def test_the_nearest_of_those_that_are_left_is_the_one_that_is_named() -> None:
    far, near = "one two three four five six seven nine ten eleven", "one two three four five six seven eight ten"
    known = NearDuplicates(Signed.of([far, near, "", "one two three four five six seven eight nine", ""]), 0.5)
    assert known.find(3) == (1, 16 / 18)
    assert known.find(3, gone={1: None}) == (0, 16 / 19)
    assert known.find(3, gone={0: None, 1: None}) is None
    assert known.find(3, gone={1: 0}) == (0, 16 / 19)
    assert known.find(4) is None  # without words there is nothing to have in common


def test_the_best_scored_of_a_cluster_stays_and_what_the_pool_has_goes() -> None:
    text = "Mix the flour with water and salt, add the yeast, wait two hours and bake it well."
    ask = "How do I bake bread?"
    worse, better = written(BREAD, text, instruction=ask), written(BREAD, text + " Enjoy.", instruction=ask, draw=1)
    other = written(BREAD, "Buy it from the baker in the street behind the church.", instruction=ask, draw=2)
    known = written(BREAD, BREAD.response, draw=3)
    silent = written(BREAD, "Nobody has scored this one.", instruction=ask, draw=4)
    rows = [worse, better, other, known, silent]
    scored = Scored([review(row, score) for row, score in zip(rows, (5.0, 6.0, 1.0, 9.9, None), strict=True)])
    kept, rejects = best(rows, scored, [BREAD], CONFIG)
    assert kept == [better, other]
    assert {(reject.row, reject.rule) for reject in rejects} == {
        (worse.id, "near duplicate"),
        (known.id, "near duplicate"),
        (silent.id, "unparsed"),
    }
    assert next(reject.detail for reject in rejects if reject.row == worse.id).endswith(f"with {better.id}")


ITEM = Seed(
    instruction="Describe in two sentences how a tide comes about on a windless day.",
    response="The moon pulls at the water of the sea, which rises on the near side and on the far side alike.",
    source="items.jsonl:7",
)
RIVER = Seed(instruction="Name a river.", response="The Po.", source="items.jsonl:9")
CAPITAL = Seed(instruction="What is the capital of Italy?", response="Rome.", source="items.jsonl:8")


@pytest.mark.parametrize(
    ("asked", "given", "hit"),
    [
        ("DESCRIBE, in two sentences: how a tide comes about on a windless day!", "", True),
        ("Describe in two sentences how a tide comes about on a windy day.", "", True),  # all but one word
        ("Tell me: what is the capital of Italy?", "", True),
        ("What is the capital of France?", "Paris, and not Rome.", False),
        ("Name a river that ends in a desert and say why it does.", "The Tarim.", False),
        ("What moves the sea?", "Well, the moon pulls at the water of the sea, which rises twice.", True),
        ("What moves the sea?", "The moon pulls at the water, and the wind does too.", False),
    ],
)
def test_a_text_that_holds_an_item_is_contaminated(asked: str, given: str, hit: bool) -> None:
    rule = Contamination(CONFIG, [ITEM, CAPITAL, RIVER])
    found = rule.hits([Seed(instruction=asked, response=given)])[0]
    assert (found is not None) == hit
    assert not hit or "items.jsonl:" in str(found)


BEFORE = ("Tell me about tides.", "They come and go twice a day.")


@pytest.mark.parametrize(
    ("history", "asked", "hit"),
    [
        (BEFORE, "Can you give me an example of that?", True),
        ((), "Can you give me an example of that?", False),  # it is an item only behind what was said before it
        (("Tell me about bread.", "It rises."), "Can you give me an example of that?", False),
        (("What is the capital of Italy?", "Rome."), "And of France?", True),  # an item that was asked before
        ((), "Well. They come and go twice a day.", False),
    ],
)
def test_a_conversation_is_an_item_as_a_whole_and_holds_one_at_any_place(
    history: tuple[str, ...], asked: str, hit: bool
) -> None:
    item = Seed(history=BEFORE, instruction="Can you give me an example of that?", response="Brest.", source="i:1")
    row = Seed(history=history, instruction=asked, response="Yes.")
    (found,) = Contamination(CONFIG, [item, CAPITAL]).hits([row])
    assert (found is not None) == hit


def test_contaminated_seeds_are_left_out_with_the_item_named() -> None:
    fine, leaked = seed("Name three rivers.", "Rhine, Elbe, Oder."), seed(ITEM.instruction, "Ask a sailor.")
    kept, (reject,) = Contamination(CONFIG, [ITEM]).rows([fine, leaked])
    assert kept == [fine]
    assert (reject.row, reject.rule, reject.text) == (leaked.id, "contamination", leaked.instruction)


def test_rows_that_were_looked_at_are_not_looked_at_again_unless_the_items_are_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contamination, "PART", 2)
    rows = [seed("Name three rivers."), seed(ITEM.instruction), seed("Count to three."), seed(RIVER.instruction)]
    kept, looked = Kept(tmp_path), list[int]()
    found = Contamination._found

    def counted(self: Contamination, part: list[Seed]) -> Arrays:
        looked.append(len(part))
        return found(self, part)

    monkeypatch.setattr(Contamination, "_found", counted)
    for items, of, expected in (([ITEM], rows[:3], [2, 1]), ([ITEM], rows, [2]), ([ITEM, RIVER], rows, [2, 2])):
        looked.clear()
        hits = Contamination(CONFIG, items, kept).hits(of)
        assert looked == expected
        assert hits == Contamination(CONFIG, items).hits(of)
        assert [hit is not None for hit in hits] == [
            row.instruction in {one.instruction for one in items} for row in of
        ]


def test_contaminated_answers_go() -> None:
    leaked = written(seed(), "It is known that " + ITEM.response, instruction="Tell me about the sea and its water.")
    _, (reject,) = clean([leaked], "response", [], [ITEM], CONFIG)
    assert (reject.rule, "items.jsonl:7" in reject.detail) == ("contamination", True)


@pytest.mark.parametrize(
    ("asked", "given", "found"),
    [
        (BREAD.instruction, FRENCH, "french, to an instruction in english"),
        ("Explain to a beginner, in French, how bread is baked at home.", FRENCH, None),
        (GERMAN, FRENCH, "french, to an instruction in german"),
        (GERMAN + " Antworte auf Französisch.", FRENCH, None),
        (GERMAN, "Mix flour, water, salt and a bit of yeast, wait for two hours, then bake it.", "english, to"),
        (BREAD.instruction, "Le pain.", None),  # too short to tell
        ("Brot?", FRENCH, None),
    ],
)
def test_an_answer_follows_its_instructions_language(asked: str, given: str, found: str | None) -> None:
    detail = Language()(Candidate(written(seed(), given, instruction=asked), "response"))
    assert (detail is None) if found is None else str(detail).startswith(found)


def test_languages_are_told_apart_and_named() -> None:
    assert [
        language(text)
        for text in (
            BREAD.response,
            FRENCH,
            GERMAN,
            "你好，我想知道怎么在家里做面包，请告诉我需要什么材料，以及要烤多长时间。",
        )
    ] == [
        "en",
        "fr",
        "de",
        "zh",
    ]
    assert (name_of("en", "de"), name_of("zz", "en"), name_of("de", "zz")) == ("englisch", "zz", "de")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Boil it. I hope this helps! Let me know if you have any other questions.", "87%"),
        (f"{BREAD.response} {BREAD.response} Let me know if it worked.", None),
        ("It is warm.\nScore: 7", "a label of the prompt stands in it: Score:"),
        ("**Instruction:** Name a bird.", "a label of the prompt"),
        ("The score: 7 to 3 for the guests.", None),
    ],
)
def test_stock_phrases_may_not_make_up_a_text(text: str, found: str | None) -> None:
    detail = Boilerplate(CONFIG)(Candidate(written(seed(), text), "response"))
    assert (detail is None) if found is None else str(detail).startswith(found)
