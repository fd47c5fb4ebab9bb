"""Questions whose answers a rule can check: where a model's own text is known to be right or wrong."""

import random
import re
from dataclasses import dataclass

from tasks.store.rows import sampling_seed

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)


@dataclass(frozen=True)
class Question:
    """`wrong` are answers of the same kind: a response with one of them, or without the right one, is wrong."""

    text: str
    right: str
    wrong: tuple[str, ...]

    def check(self, response: str) -> bool | None:
        """Whether the response is right; None if it names the right answer and a wrong one."""
        named = set(re.findall(r"\w+", response.casefold()))
        right = self.right.casefold() in named
        if right and named & {answer.casefold() for answer in self.wrong}:
            return None
        return right


def questions(count: int, key: str) -> list[Question]:
    """`count` different questions, the kinds in turn as far as they go; the same `key` gives the same ones."""
    chance = random.Random(sampling_seed("checkable", key))
    kinds = (_sum, _difference, _larger, _after_day, _after_month)
    found: dict[str, Question] = {}
    turn = 0
    while len(found) < count:
        question = kinds[turn % len(kinds)](chance)
        found.setdefault(question.text, question)
        turn += 1
    return list(found.values())


def _sum(chance: random.Random) -> Question:
    a, b = chance.randint(2, 30), chance.randint(2, 30)
    return Question(f"What is {a} plus {b}? Answer in one short sentence.", str(a + b), ())


def _difference(chance: random.Random) -> Question:
    a, b = chance.randint(20, 60), chance.randint(2, 19)
    return Question(f"What is {a} minus {b}? Answer in one short sentence.", str(a - b), ())


def _larger(chance: random.Random) -> Question:
    a, b = chance.sample(range(10, 100), 2)
    ask = f"Which number is larger, {a} or {b}? Say it in one short sentence and name only that number."
    return Question(ask, str(max(a, b)), (str(min(a, b)),))


def _after_day(chance: random.Random) -> Question:
    i = chance.randrange(7)
    wrong = tuple(day for day in DAYS if day not in (DAYS[i], DAYS[(i + 1) % 7]))
    return Question(f"Which day comes right after {DAYS[i]}? Answer in one short sentence.", DAYS[(i + 1) % 7], wrong)


def _after_month(chance: random.Random) -> Question:
    i = chance.randrange(12)
    wrong = tuple(month for month in MONTHS if month not in (MONTHS[i], MONTHS[(i + 1) % 12]))
    return Question(
        f"Which month comes right after {MONTHS[i]}? Answer in one short sentence.", MONTHS[(i + 1) % 12], wrong
    )
