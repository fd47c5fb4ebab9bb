"""Clean: rules that take out what a model should not learn from; every row taken out is kept with its rule and detail.

Lengths and ROUGE-L within the family are the published filters (a seed, and what was written for it); exact duplicates,
repetition, refusals and cut-off texts are ours. A refusal among the flawed responses would teach the model, as
`rejected`, never to refuse.
"""

from collections.abc import Callable, Sequence

from tasks.config import CleanConfig
from tasks.records import Rejected, Seed, Written
from tasks.text import is_refusal, repeated_share, rouge_l, words

VERSION = 1


Found = tuple[str, str] | None  # rule and detail
Cleaned = tuple[list[Written], list[Rejected]]


def instructions(rows: Sequence[Written], seeds: Sequence[Seed], config: CleanConfig) -> Cleaned:
    """New instructions: long enough, complete, no refusal, unlike their seed's and their siblings'."""
    families = {seed.id: [words(seed.instruction)] for seed in seeds}
    texts = [(row, row.instruction, families[row.seed]) for row in rows]
    return _clean(texts, lambda text: _short(text, config.min_instruction_words), config)


def responses(rows: Sequence[Written], seeds: Sequence[Seed], config: CleanConfig) -> Cleaned:
    """Answers and flawed responses: of a fit length, complete, no refusal, unlike the seed's and their siblings'."""
    families = {(seed.id, seed.instruction): [words(seed.response)] for seed in seeds}
    texts = [(row, row.response, families.setdefault((row.seed, row.instruction), [])) for row in rows]
    return _clean(texts, lambda text: _short(text, config.min_response_words) or _long(text, config), config)


def _clean(
    texts: Sequence[tuple[Written, str, list[list[str]]]], length: Callable[[str], Found], config: CleanConfig
) -> Cleaned:
    """Each row with its text and its family's texts so far (shared by the family, and grown here)."""
    seen: set[tuple[str, ...]] = set()
    kept: list[Written] = []
    rejects: list[Rejected] = []
    for row, text, family in texts:
        tokens = words(text)
        found = (
            length(text) or _common(row, text, config) or _duplicate(tokens, seen) or _overlap(tokens, family, config)
        )
        if found:
            rejects.append(Rejected(row=row.id, rule=found[0], detail=found[1], text=text, parents=(row.id,)))
            continue
        kept.append(row)
        family.append(tokens)
        seen.add(tuple(tokens))
    return kept, rejects


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


def _duplicate(tokens: list[str], seen: set[tuple[str, ...]]) -> Found:
    return ("duplicate", "the same words as an earlier row") if tuple(tokens) in seen else None


def _overlap(tokens: list[str], family: Sequence[list[str]], config: CleanConfig) -> Found:
    highest = max((rouge_l(tokens, other) for other in family), default=0.0)
    if highest > config.max_rouge_l:
        return "overlap", f"ROUGE-L {highest:.2f} within its family, expected at most {config.max_rouge_l:g}"
    return None
