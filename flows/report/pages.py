"""Pages and cards from templates/. What others wrote is text in a page, never markup."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from tasks.evaluate.gate import MDE_NOTE, SHOWN

TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=select_autoescape(["html.j2"]),
    undefined=StrictUndefined,
    trim_blocks=True,
    keep_trailing_newline=True,
)
TEMPLATES.globals |= {"shown": SHOWN, "mde": MDE_NOTE}


def write(template: str, file: Path, **values: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(TEMPLATES.get_template(template).render(**values), encoding="utf-8")
