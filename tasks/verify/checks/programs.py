"""What has to be run to be known: code with its tests, mathematics, a function of the user's.

These run apart, confined and bounded (tasks/verify/confined.py): what they do to the machine, or never end doing, is no
verdict.
"""

import importlib
import re
from typing import Annotated, Any

from pydantic import Field

from tasks.verify.checks.base import Finding, cannot_tell, check, judged

Code = Annotated[str, Field(min_length=1)]
FENCED = re.compile(r"```(?:python|py)?\s*\n(.*?)\n\s*```", re.DOTALL | re.IGNORECASE)


def code_in(text: str) -> str:
    """Its code blocks, one behind the other; the whole text where there is none."""
    return "\n\n".join(FENCED.findall(text)) or text


@check(version=1, apart=True)
def passes_tests(text: str, tests: Code) -> Finding:
    """Python that `tests` (assertions, or what raises) run through, behind the text's code and in its names."""
    names: dict[str, Any] = {"__name__": "answer"}
    try:
        exec(compile(code_in(text), "answer", "exec"), names)
        exec(compile(tests, "tests", "exec"), names)
    except Exception as error:
        return judged(False, f"{type(error).__name__}: {str(error)[:200] or 'a test does not hold'}")
    return judged(True, "all tests hold")


@check(version=1, apart=True, needs="math_verify")
def same_mathematics(text: str, answer: Annotated[str, Field(min_length=1)]) -> Finding:
    """Mathematically equal by math-verify: LaTeX, fractions, sets, intervals; the last thing that the text boxes."""
    # Here, for it brings sympy; without its own time limits, which want the main thread's signals.
    from math_verify import parse, verify  # type: ignore[import-untyped]

    wanted, said = (parse(one, parsing_timeout=0) for one in (answer, text))
    if not wanted:
        raise ValueError(f"expected an answer that is mathematics, found {answer!r}")
    if not said:
        return cannot_tell(f"no mathematics in it, {answer} asked for")
    return judged(bool(verify(wanted, said, timeout_seconds=0)), f"its answer is {said[0]}, {answer} asked for")


Function = Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")]


@check(version=1, apart=True)
def own_function(text: str, function: Function, arguments: dict[str, Any] | None = None) -> Finding:
    """MODULE:FUNCTION of the user's, called with the text and by name with the arguments.

    It returns True, False or None (cannot tell), or one of these with a reason. Other errors than ValueError, which
    says that the arguments are wrong, are "cannot tell".
    """
    module, _, name = function.partition(":")
    said = getattr(importlib.import_module(module), name)(text, **(arguments or {}))
    outcome, reason = said if isinstance(said, tuple) else (said, f"{function} says so")
    if outcome is None:
        return cannot_tell(str(reason))
    if not isinstance(outcome, bool):
        return cannot_tell(
            f"{function} returned {outcome!r}, expected True, False or None, or one of them with a reason"
        )
    return judged(outcome, str(reason))
