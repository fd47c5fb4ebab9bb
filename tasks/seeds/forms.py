"""Forms: the columns in which rows hold an instruction with its response, and what else belongs to the question.

    form = form_of(row.values)      # here the one with the column `messages`
    form.turns(row.values)          # [Turn("user", "messages[0]", "Why?"), Turn("assistant", "messages[1]", "So.")]

A content is no text before it is asked for: a conversation that is left out may hold what is none.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from tasks.seeds.formats.raw import Unreadable
from tasks.seeds.messages import PAIR, Turn, Unfit, beside, history, messages

CONTEXT = ("input", "context")  # Alpaca's and Dolly's: what the instruction is about
SYSTEM = ("system", "system_prompt")
EARLIER = "history"
TOOLS = "tools"  # that the conversation may call


@dataclass(frozen=True)
class Form:
    """Columns that hold the instruction and the response: a text each, or lists of messages."""

    columns: tuple[str, ...]
    messages: bool = False

    def __str__(self) -> str:
        return "/".join(self.columns) + (" (messages)" if self.messages else "")

    @property
    def used(self) -> set[str]:
        return {*self.columns, *SYSTEM, *((TOOLS,) if self.messages else (*CONTEXT, EARLIER))}

    def ignored(self, values: Mapping[str, object]) -> set[str]:
        """Columns, and keys of messages, that go into no seed."""
        inner = {f"{column}[].{key}" for column in self.columns for key in beside(values[column]) if self.messages}
        return {*values} - self.used | inner

    def turns(self, values: Mapping[str, object]) -> list[Turn]:
        """In their order; raises Unfit for a row without some."""
        system = [Turn("system", name, values[name]) for name in SYSTEM if values.get(name) not in (None, "")]
        if self.messages:
            if values.get(TOOLS) not in (None, "", "[]", "null", []):
                raise Unfit("tools", f"{TOOLS!r} names some, which seeds do not have")
            return system + [turn for column in self.columns for turn in messages(values[column], column)]
        asked, answered = (Turn(role, name, values[name]) for role, name in zip(PAIR, self.columns, strict=True))
        about = [Turn("user", name, values[name]) for name in CONTEXT if name in values and name not in self.columns]
        if texts := [text for turn in about if (text := turn.text.strip())]:
            asked = asked._replace(content="\n\n".join([asked.text.strip(), *texts]))
        return [*system, *history(values.get(EARLIER), EARLIER), asked, answered]


FORMS = (
    Form(("prompt", "response")),
    Form(("instruction", "response")),
    Form(("instruction", "output")),
    Form(("question", "response")),
    Form(("question", "answer")),
    Form(("prompt", "completion")),
    Form(("prompt", "answer")),  # the right answer is the response, where there is no longer one
    Form(("instruction", "answer")),
    Form(("query", "response")),
    Form(("problem", "solution")),
    Form(("messages",), messages=True),
    Form(("conversations",), messages=True),
    Form(("conversation",), messages=True),
    Form(("prompt", "completion"), messages=True),
    Form(("input", "output")),
)


COLUMNS = {*SYSTEM, *CONTEXT, EARLIER, TOOLS, *(column for form in FORMS for column in form.columns)}


def form_of(values: Mapping[str, object]) -> Form:
    """Of a row; raises Unfit where its columns are those of none."""
    by_columns = [form for form in FORMS if set(form.columns) <= values.keys()]
    if not by_columns:
        raise Unfit("columns", str(_unknown(values)))
    filled = [form for form in by_columns if any(values[column] is not None for column in form.columns)] or by_columns
    by_type = (form for form in filled if isinstance(values[form.columns[0]], list) == form.messages)
    return next(by_type, filled[0])


def _unknown(values: Mapping[str, object]) -> Unreadable:
    """What is missing beside a column of a form; else which forms there are."""
    found = f"the columns {', '.join(map(repr, values))}" if values else "no columns"
    beside = [(set(form.columns) & values.keys(), form) for form in FORMS if not form.messages]
    halves = [(next(iter(there)), *(set(form.columns) - there)) for there, form in beside if there]
    if halves:
        (has, _), *_rest = halves
        partners = list(dict.fromkeys(partner for one, partner in halves if one == has))
        return Unreadable(
            f"{' or '.join(map(repr, partners))} beside {has!r}", found, "add it, or name it in reading.columns"
        )
    known = "'prompt' and 'response', 'instruction' and 'output', 'question' and 'answer', 'messages', or another form"
    return Unreadable(
        known, found, "rename the columns, or name them in reading.columns (deployments/README.md, Seeds)"
    )
