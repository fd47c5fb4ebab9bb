"""What a check is, and how one is found and asked.

    @check(version=1)
    def at_most_words(text: str, count: PositiveInt) -> Finding:
        found = len(words(text))
        return judged(found <= count, f"{found} words, at most {count} asked for")

    verify("at_most_words", "Two words.", {"count": 5})     # Finding(outcome="pass", reason="2 words, at most 5 ...")

A check is a pure function. Its name and version stand in every verdict; the version goes up when the same text and
arguments would be judged otherwise.
"""

import functools
import hashlib
import importlib
import inspect
import pkgutil
import sys
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, validate_call

from tasks.store.verified import Question

Outcome = Literal["pass", "fail", "cannot tell"]


class Refused(ValueError):
    """There is no such check, or it does not take these arguments."""


def writable(text: str) -> str:
    """Half of a surrogate pair, which JSON may hold, is in no encoding: a question mark."""
    return text.encode("utf-8", "replace").decode()


class Finding(BaseModel):
    """`reason`: what was found and what was asked for, in words that a person can act on."""

    model_config = ConfigDict(frozen=True)
    outcome: Outcome
    reason: Annotated[str, BeforeValidator(writable)]

    @property
    def passed(self) -> bool:
        return self.outcome == "pass"


def judged(holds: bool, reason: str) -> Finding:
    return Finding(outcome="pass" if holds else "fail", reason=reason)


def at_most(there: int, count: int, what: str) -> Finding:
    return judged(there <= count, f"{there} {what}, at most {count} asked for")


def at_least(there: int, count: int, what: str) -> Finding:
    return judged(there >= count, f"{there} {what}, at least {count} asked for")


def exactly(there: int, count: int, what: str) -> Finding:
    return judged(there == count, f"{there} {what}, {count} asked for")


def cannot_tell(reason: str) -> Finding:
    return Finding(outcome="cannot tell", reason=reason)


def told(error: BaseException, otherwise: str = "") -> str:
    """Its kind and words, `otherwise` where it has none. What somebody else raises may fail to say even that."""
    try:
        words = str(error)
    except BaseException as another:
        words = f"it cannot say what, for {type(another).__name__}"
    return f"{type(error).__name__}: {words[:200] or otherwise}"


@dataclass(frozen=True)
class Check:
    """`function` takes the text and, by name, arguments of the types that it declares."""

    name: str
    version: int
    function: Callable[..., Finding]
    takes: Callable[..., object] | None = None
    ready: Callable[[], object] | None = None

    @property
    def apart(self) -> bool:
        """Whether it runs what somebody wrote, and is asked in a sandbox (tasks/verify/confined.py)."""
        return self.takes is not None

    @property
    def arguments(self) -> dict[str, str]:
        """Name to type, without the text."""
        _, *others = inspect.signature(self.function).parameters.values()
        return {one.name: inspect.formatannotation(_bare(one.annotation)) for one in others}

    @property
    def required(self) -> set[str]:
        _, *others = inspect.signature(self.function).parameters.values()
        return {one.name for one in others if one.default is inspect.Parameter.empty}


def _bare(annotation: Any) -> Any:
    """The type that a person gives, without the bounds that pydantic checks."""
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def check(
    version: int, takes: Callable[..., object] | None = None, ready: Callable[[], object] | None = None
) -> Callable[[Callable[..., Finding]], Callable[..., Finding]]:
    """Mark a function as the check of its name, which raises ValueError for arguments that it does not take.

    One that runs what somebody wrote has `takes`, which does that and runs nothing, with the arguments alone; the check
    itself raises Refused. `ready`: what takes long the first time, done once for many texts.
    """

    def marked(function: Callable[..., Finding]) -> Callable[..., Finding]:
        # Arguments come from files, where a number may stand as text: what can be read as the type is taken.
        typed = validate_call(function)
        before = takes and validate_call(takes)
        typed.check = Check(function.__name__, version, typed, before, ready)  # type: ignore[attr-defined]
        return typed

    return marked


@functools.cache
def checks() -> Mapping[str, Check]:
    """All there are, by name; raises ValueError where two have one name."""
    room = importlib.import_module(__package__)
    modules = [importlib.import_module(f"{__package__}.{file.name}") for file in pkgutil.iter_modules(room.__path__)]
    known: dict[str, Check] = {}
    for module in modules:
        for value in vars(module).values():
            one = getattr(value, "check", None)
            if isinstance(one, Check) and known.setdefault(one.name, one) is not one:
                raise ValueError(f"two checks are called {one.name}; rename the one in {module.__name__}")
    return known


def found(name: str) -> Check:
    """Raises Refused for a name that no check has."""
    if name not in checks():
        raise Refused(f"expected one of the checks {', '.join(sorted(checks()))}, found {name!r}")
    return checks()[name]


def versions(questions: Sequence[Question]) -> dict[str, int | str]:
    """Of the checks that are asked, as part of what identifies verdicts: another check's change makes none anew.

    Of a user's function it is the digest of its file.
    """
    asked = {one for question in questions for one in question.checks}
    known: dict[str, int | str] = {one.check: found(one.check).version for one in asked}
    known |= {name: source_of(name) for one in asked if (name := one.given.get("function")) and ":" in str(name)}
    return dict(sorted(known.items()))


def source_of(function: str) -> str:
    """Digest of the file that MODULE:FUNCTION is in. Raises Refused where there is none.

    Looked for in the current folder, then where Python looks; nothing is imported, for that would run it.
    """
    module = function.partition(":")[0]
    inside = Path(*module.split("."))
    for folder in (Path.cwd(), *map(Path, sys.path)):
        for file in (folder / inside / "__init__.py", folder / f"{inside}.py"):
            if file.is_file():
                return hashlib.sha256(file.read_bytes()).hexdigest()[:16]
    raise Refused(f"{function}: expected a module of Python, {inside}.py in {Path.cwd()} for example, found none")


def trimmed(text: str) -> str:
    """Set in as a whole, a list is still the outer one: its first line alone must not lose what sets it in."""
    return textwrap.dedent(text).strip()


def verify(name: str, text: str, arguments: Mapping[str, Any]) -> Finding:
    """What the check finds; an empty text passes none. What it raises but Refused is no verdict.

    Raises Refused for a check that there is not and for arguments that it does not take.
    """
    one = found(name)
    if not text.strip():
        return judged(False, "the text is empty")
    finding: Finding = _asked(one, functools.partial(one.function, trimmed(text)), arguments)
    return finding


def take(name: str, arguments: Mapping[str, Any]) -> None:
    """Raise Refused where `verify` does; what somebody wrote is not run."""
    one = found(name)
    _asked(one, one.takes or functools.partial(one.function, "Any answer."), arguments)


def _asked(one: Check, function: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
    try:
        return function(**arguments)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        expected = ", ".join(f"{key} ({kind})" for key, kind in one.arguments.items()) or "none"
        raise Refused(f"{one.name}: expected the arguments {expected}, found {dict(arguments)}: {wrong}") from error
    except MemoryError:
        raise
    except Exception as error:
        if isinstance(error, Refused if one.apart else ValueError):  # what runs apart meets others' errors, too
            raise Refused(f"{one.name}: {error}") from error
        return cannot_tell(f"{one.name} raised {told(error)}")
