"""Clean: rules that take out what a model should not learn from; every row taken out is kept with its rule and detail.

Lengths and ROUGE-L within the family are the published filters (a seed, and what was written for it); exact duplicates,
repetition, refusals and cut-off texts are ours. A refusal among the flawed responses would teach the model, as
`rejected`, never to refuse.
"""

from collections.abc import Iterable, Sequence

from tasks.config import CleanConfig
from tasks.records import Rejected, Seed, Written
from tasks.text import is_refusal, repeated_share, rouge_l, words

VERSION = 1


def instructions(
    rows: Sequence[Written], seeds: Sequence[Seed], config: CleanConfig
) -> tuple[list[Written], list[Rejected]]:
    """New instructions: long enough, complete, no refusal, unlike their seed's and their siblings'."""
    origin = {seed.id: seed.instruction for seed in seeds}
    kept: list[Written] = []
    rejects: list[Rejected] = []
    for row in rows:
        text = row.instruction
        family = [origin[row.seed], *(other.instruction for other in kept if other.seed == row.seed)]
        found = _short(text, config.min_instruction_words) or _common(row, text, config)
        found = found or _duplicate(text, (other.instruction for other in kept)) or _overlap(text, family, config)
        _sort(row, text, found, kept, rejects)
    return kept, rejects


def responses(rows: Sequence[Written], seeds: Sequence[Seed], config: CleanConfig) -> tuple[list[Written], list[Rejected]]:
    """Answers and flawed responses: of a fit length, complete, no refusal, unlike the seed's own and their siblings'."""
    origin = {seed.id: seed.response for seed in seeds}
    kept: list[Written] = []
    rejects: list[Rejected] = []
    for row in rows:
        text = row.response
        siblings = [other.response for other in kept if (other.seed, other.instruction) == (row.seed, row.instruction)]
        family = [*siblings, origin[row.seed]] if row.branch == "high" else siblings
        found = _short(text, config.min_response_words) or _long(text, config) or _common(row, text, config)
        found = found or _duplicate(text, (other.response for other in kept)) or _overlap(text, family, config)
        _sort(row, text, found, kept, rejects)
    return kept, rejects


Found = tuple[str, str] | None  # rule and detail


def _sort(row: Written, text: str, found: Found, kept: list[Written], rejects: list[Rejected]) -> None:
    if found is None:
        kept.append(row)
    else:
        rejects.append(Rejected(row=row.id, rule=found[0], detail=found[1], text=text, parents=(row.id,)))


def _short(text: str, least: int) -> Found:
    found = len(text.split())
    return ("too short", f"{found} words, expected at least {least}") if found < least else None


def _long(text: str, config: CleanConfig) -> Found:
    found, most = len(text.split()), config.max_response_words
    return ("too long", f"{found} words, expected at most {most}") if found > most else None


def _common(row: Written, text: str, config: CleanConfig) -> Found:
    if row.finish == "length" and not config.keep_cut_off:
        return "cut off", f"the token limit ended it after {row.new_tokens} tokens"
    if is_refusal(text):
        return "refusal", text[:60]
    share = repeated_share(text)
    if share > config.max_repeated_share:
        return "repetition", f"{share:.0%} of its 4-grams repeat, expected at most {config.max_repeated_share:.0%}"
    return None


def _duplicate(text: str, others: Iterable[str]) -> Found:
    normal = words(text)
    return ("duplicate", "the same words as an earlier row") if any(words(other) == normal for other in others) else None


def _overlap(text: str, family: Sequence[str], config: CleanConfig) -> Found:
    highest = max((rouge_l(words(text), words(other)) for other in family), default=0.0)
    if highest > config.max_rouge_l:
        return "overlap", f"ROUGE-L {highest:.2f} within its family, expected at most {config.max_rouge_l:g}"
    return None
