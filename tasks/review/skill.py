"""Review-skill data: graded pairs with the review that they deserve, made from seeds and nothing outside the loop.

What was done to a pair is known, so its score and a short rationale are too. The published scripts have this data
written by a stronger model; here corruption takes its place.
"""

from collections.abc import Sequence

from tasks.review.constitution import Constitution
from tasks.review.faults import BREAKS
from tasks.review.signals import framing as asking
from tasks.review.signals.read import PREFIX
from tasks.store.examples import TrainRow
from tasks.store.reviews import Anchor
from tasks.text.prompts import templates as prompts

PROMPTS = ("constitution", "principles", "read", "sampled", "review")  # what the rows are made with
# One sentence for what was done; principles that it breaks are named behind it.
SAID = {
    "good": "The instruction is clear and the response does what it asks.",
    "mismatched": "The response belongs to another instruction.",
    "truncated": "The response breaks off before its end.",
    "shuffled": "The words of the response are in no order, so that it says nothing.",
    "repeated": "The response says the same thing more than once.",
    "contradicted": "The response contradicts what is true in one place.",
    "misformatted": "The response is right, but in a form that nobody asked for.",
    "off_topic": "The instruction is about something else than the response.",
    "vague": "The instruction does not say what is wanted.",
    "garbled": "The words of the instruction are in no order, so that it is not clear.",
}


def rows(anchors: Sequence[Anchor], constitution: Constitution) -> list[TrainRow]:
    """For each pair a review with a rationale, or the digit alone: the two ways in which a model is asked.

    Which of them hangs on the pair's id: taken in turn, anchors come in an order in which each kind of corruption had
    nearly always the same form.
    """
    system = constitution.prompt()
    found = []
    for anchor in anchors:
        score = constitution.score({p.id: float(p.id not in BREAKS[anchor.state]) for p in constitution.principles})
        if int(anchor.id[-1], 16) % 2:
            question, response = "read", f"{PREFIX}{round(score * 0.9)}"
        else:
            question, response = "sampled", f"{_rationale(anchor, constitution)}\nScore: {round(score)}"
        found.append(
            TrainRow.of_review(
                system=system,
                instruction=asking.about(anchor, prompts.render(question)),
                response=response,
                parents=(anchor.id, *anchor.parents),  # the anchor itself is in no table
            )
        )
    return found


def _rationale(anchor: Anchor, constitution: Constitution) -> str:
    broken = [p.text.rstrip(".") for p in constitution.principles if p.id in BREAKS[anchor.state]]
    held = "All principles hold." if not broken else f"These do not hold: {'; '.join(broken)}."
    return f"{SAID[anchor.corruption]} {held}"
