"""What has to be run to be known: code with its tests, mathematics, a function of the user's.

These run apart, confined and bounded (tasks/verify/confined.py): what they do to the machine, or never end doing, is no
verdict.
"""

import ast
import importlib
import re
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Annotated, Any

from pydantic import Field

from tasks.text.fences import blocks
from tasks.text.mathematics import marked, readings, ready
from tasks.verify.checks.base import Finding, Refused, cannot_tell, check, judged, source_of, told

Code = Annotated[str, Field(min_length=1)]
PYTHON = re.compile(r"(?:i?python|py)[\d.]*")
BEGINS_CODE = re.compile(r"^\s*(?:def|class|import|from|@)\b", re.MULTILINE)


def runs_something(tests: Code) -> None:
    """Raise Refused for what is no Python, or does nothing when it is run: functions that nobody calls let all pass."""
    try:
        parsed = ast.parse(tests)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise Refused(f"tests: expected Python, found {tests[:80]!r}: {error}") from error
    if not any(isinstance(one, ast.Assert | ast.Call | ast.Raise) for one in _run_at_once(parsed)):
        raise Refused(
            f"tests: expected assertions, or calls of what makes them, found none that is run in {tests[:80]!r}: "
            "assert at the top, or call your test functions there, such as check(double)"
        )


def _run_at_once(parsed: ast.Module) -> Iterator[ast.AST]:
    """What is run when a file is: not what functions and classes hold, nor what waits for `__main__`."""
    left: list[ast.AST] = [parsed]
    while left:
        node = left.pop()
        yield node
        waits = isinstance(node, ast.If) and any(getattr(one, "id", "") == "__name__" for one in ast.walk(node.test))
        if not waits and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            left += ast.iter_child_nodes(node)


def code_in(text: str) -> list[str]:
    """Its blocks of Python, those without a language where none is called Python; the text where it has no block.

    What shows a session or an output is left out, unless nothing else is there.
    """
    there = blocks(text)
    if not there:
        return [text]
    named = [one.text for one in there if PYTHON.fullmatch(one.tag)] or [one.text for one in there if not one.tag]
    return [one for one in named if _does_something(one)] or named


def _does_something(code: str) -> bool:
    try:
        return any(not isinstance(one, ast.Expr) for one in ast.parse(code).body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # such as >>> or an output
        return False


def _raised(code: str, called: str, names: dict[str, Any]) -> Exception | None:
    """What the code ends with."""
    try:
        exec(compile(code, called, "exec"), names)
    except (MemoryError, PermissionError):  # it met a limit, or went for something outside of itself: no verdict
        raise
    except Exception as error:
        return error
    return None


@check(version=2, takes=runs_something)
def passes_tests(text: str, tests: Code) -> Finding:
    """Python that `tests` (assertions, or what raises) run through, behind the text's code and in its names."""
    alone = _raised(tests, "tests", {"__name__": "tests"})
    if alone is None:
        return cannot_tell("the tests hold without any code: they have to use what was asked for")
    if isinstance(alone, ImportError):
        return cannot_tell(f"the tests cannot begin: {told(alone)}")
    code = code_in(text)
    if not code:
        return cannot_tell("it has code blocks, and none of Python")
    # A module as any other: with deferred annotations, dataclasses look for the one that they are in.
    module = sys.modules["answer"] = ModuleType("answer")
    for part in code:
        error = _raised(part, "answer", vars(module))
        if error is not None:
            unmarked = code == [text] and (BEGINS_CODE.search(text) or "`" in text)
            if isinstance(error, SyntaxError) and (unmarked or text.count("```") % 2):
                return cannot_tell(f"code may begin or end elsewhere: {told(error)}")
            # It asks whoever runs it; or a later block asks for a file that the text speaks of.
            if isinstance(error, EOFError) or (isinstance(error, ImportError) and part is not code[0]):
                return cannot_tell(told(error))
            return judged(False, told(error))
    error = _raised(tests, "tests", vars(module))
    if error is not None:
        return judged(False, told(error, "a test does not hold"))
    return judged(True, "all tests hold")


Answer = Annotated[str, Field(min_length=1)]


def is_mathematics(answer: Answer) -> list[Any]:
    """As it is read; raises Refused for what is none, or not sure: two numbers among words, for example."""
    found = readings(answer)
    if len(found) > 1 or not found[0]:
        advice = "set LaTeX between $ and $, and words in \\text{ }"
        raise Refused(f"expected an answer that is mathematics, found {answer!r}: {advice}")
    return found[0]


@check(version=2, takes=is_mathematics, ready=ready)
def same_mathematics(text: str, answer: Answer) -> Finding:
    """Mathematically equal by math-verify: LaTeX, fractions, sets, intervals; the last thing that the text boxes."""
    from math_verify import verify  # type: ignore[import-untyped]  # here, for it brings sympy

    wanted, said = is_mathematics(answer), readings(text)
    if not all(said):
        return cannot_tell(f"no mathematics in it that can be read for sure, {answer} asked for")
    # x ≤ 2 is the interval, too; an error is no difference.
    how = {"allow_set_relation_comp": True, "timeout_seconds": 0, "raise_on_error": True}
    same = [bool(verify(wanted, one, **how)) for one in said]
    shown = " and ".join(str(one[1])[:100] for one in said)
    earlier = [] if all(same) or r"\boxed" in text else [one for one in marked(text) if one]
    if len(set(same)) > 1 or any(bool(verify(wanted, one, **how)) for one in earlier):
        return cannot_tell(f"its answer is one of {shown}, {answer} asked for")
    return judged(all(same), f"its answer is {shown}, {answer} asked for")


Function = Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")]


def is_there(function: Function, arguments: dict[str, Any] | None = None) -> None:
    source_of(function)


@check(version=2, takes=is_there)
def own_function(text: str, function: Function, arguments: dict[str, Any] | None = None) -> Finding:
    """MODULE:FUNCTION of the user's, called with the text and by name with the arguments.

    It returns True, False or None (cannot tell), or one of these with a reason. What it raises is "cannot tell".
    """
    module, _, name = function.partition(":")
    try:
        said = getattr(importlib.import_module(module), name)(text, **(arguments or {}))
        outcome, reason = said if isinstance(said, tuple) else (said, f"{function} says so")
        if outcome is None:
            return cannot_tell(str(reason))
        if isinstance(outcome, bool):
            return judged(outcome, str(reason))
        return cannot_tell(
            f"{function} returned {outcome!r}, expected True, False or None, or one of them with a reason"
        )
    except MemoryError:
        raise
    except Exception as error:
        return cannot_tell(f"{function} raised {told(error)}")
