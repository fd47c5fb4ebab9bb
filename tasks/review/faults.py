"""Faults: which principles of the constitution each corruption breaks; the others hold as they did before."""

GOOD = "good"


FAULTS: dict[str, dict[str, tuple[str, ...]]] = {
    "response": {
        "mismatched": ("relevant", "complete", "correct", "expert"),
        "truncated": ("complete", "well_put", "expert"),
        "shuffled": ("complete", "correct", "well_put", "expert"),
        "repeated": ("well_put", "expert"),
        "contradicted": ("correct", "expert"),
        "misformatted": ("well_put", "expert"),
    },
    "instruction": {
        "vague": ("clear", "useful", "demanding", "specific"),
        "garbled": ("clear", "specific"),
    },
}


BREAKS = {GOOD: (), **FAULTS["response"], **FAULTS["instruction"]}


# Corruptions that come out as another's fault: whichever text was put out by another, the two do not match.
COMES_OUT_AS = {"off_topic": "mismatched"}
