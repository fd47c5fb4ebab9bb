"""Clean: rules that take out what a model should not learn from; every row taken out is kept with its rule and detail.

Lengths and ROUGE-L within the family are the published filters; the others are ours. A rule is a file of its own.
"""

from collections.abc import Sequence

from tasks.clean.base import Candidate, Field, Rule
from tasks.clean.boilerplate import Boilerplate
from tasks.clean.contamination import Contamination
from tasks.clean.cut_off import CutOff, OverContext
from tasks.clean.language import Language
from tasks.clean.length import TooLong, TooShort
from tasks.clean.near_duplicate import NearDuplicate
from tasks.clean.overlap import Duplicate, Overlap
from tasks.clean.refusal import Refusal
from tasks.clean.repetition import Repetition
from tasks.clean.signatures import NOTHING
from tasks.recipe.data import CleanConfig
from tasks.store.kept import Kept
from tasks.store.rows import Rejected, Seed, Written
from tasks.store.tables import where

VERSION = 4  # 4: other signatures, of which other near duplicates are found where ROUGE-L is close to the threshold


def clean(
    rows: Sequence[Written],
    field: Field,
    seeds: Sequence[Seed],
    items: Sequence[Seed],
    config: CleanConfig,
    kept: Kept = NOTHING,
) -> tuple[Sequence[Written], list[Rejected]]:
    """New instructions, or responses of all kinds, against the pool (`seeds`) and the `items` only measured on.

    The first rule that finds something names the reject. Near duplicates among responses wait for their scores:
    `near_duplicate.best`.
    """
    rules: dict[str, Rule] = {
        "too_short": TooShort(config),
        "too_long": TooLong(config),
        "cut_off": CutOff(),
        "refusal": Refusal(),
        "repetition": Repetition(config),
        "boilerplate": Boilerplate(config),
        "language": Language(),
        "duplicate": Duplicate(),
        "overlap": Overlap(config, seeds),
        "near_duplicate": NearDuplicate(config, seeds, kept),
        "contamination": Contamination(config, items, kept),
    }
    used = [OverContext(), *(rule for name, rule in rules.items() if name not in config.without)]
    stays: list[bool] = []
    rejects: list[Rejected] = []
    for one in used:
        one.begin(rows, field)
    for candidate in (Candidate(row, field, number) for number, row in enumerate(rows)):
        found = next(((one.name, detail) for one in used if (detail := one(candidate))), None)
        stays.append(not found)
        if found:
            rule, detail = found
            row = candidate.row.id
            rejects.append(Rejected(row=row, rule=rule, detail=detail, text=candidate.text, parents=(row,)))
            continue
        for one in used:
            one.keep(candidate)
    return where(rows, stays), rejects
