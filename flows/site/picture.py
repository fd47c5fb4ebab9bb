"""A row's lineage as a picture: what it came from on the left, what came of it on the right."""

from collections.abc import Callable
from dataclasses import dataclass

from markupsafe import Markup, escape

from tasks.evolution.lineage import Lineage

MOST = 8  # rows of one step that are drawn
LOOKED_AT = 60  # in each direction: of a seed a thousand rows may have come, and each is looked for in all tables
WIDTH, HEIGHT, ACROSS, DOWN = 190, 44, 60, 16


@dataclass(frozen=True)
class Box:
    row: str
    step: int  # from the row that is looked at; what it came from has negative ones
    parents: tuple[str, ...]
    stands_in: str


def boxes(lineage: Lineage, row: str) -> tuple[list[Box], bool]:
    """The row's own, and up to MOST of each step from it; and whether these are all."""
    before, after = (_steps(row, way, of) for way, of in ((-1, lineage.parents), (1, lineage.children)))
    steps = {row: 0} | before | after
    chosen: list[Box] = []
    for one, step in sorted(steps.items(), key=lambda item: item[1]):
        if sum(box.step == step for box in chosen) < MOST:
            known = lineage.find(one)
            chosen.append(Box(one, step, known.parents, next(iter(known.places)).name))
    return chosen, len(chosen) == len(steps) and max(len(before), len(after)) < LOOKED_AT


def _steps(row: str, way: int, following: Callable[[str], list[str]]) -> dict[str, int]:
    """By the longest way to each, so that what a row was made from stands before it; `way` is -1 or 1."""
    steps, open_ = {row: 0}, [row]
    while open_ and len(steps) <= LOOKED_AT:
        one = open_.pop(0)
        for other in following(one):
            if abs(steps.get(other, 0)) < abs(steps[one]) + 1 and other != row:
                steps[other] = steps[one] + way
                open_.append(other)
    return {one: step for one, step in steps.items() if one != row}


def drawn(found: list[Box], row: str, link: str) -> Markup:
    """As SVG; `link` is the address of a row with {} for its id."""
    columns = {step: [box for box in found if box.step == step] for step in sorted({box.step for box in found})}
    tallest = max(map(len, columns.values()))
    places: dict[str, tuple[int, int]] = {}
    for x, of_step in enumerate(columns.values()):
        top = (tallest - len(of_step)) * (HEIGHT + DOWN) // 2
        places |= {box.row: (x * (WIDTH + ACROSS), top + y * (HEIGHT + DOWN)) for y, box in enumerate(of_step)}
    width, height = len(columns) * (WIDTH + ACROSS) - ACROSS, tallest * (HEIGHT + DOWN) - DOWN
    pairs = [(parent, box.row) for box in found for parent in box.parents if parent in places]
    lines = [_line(*places[parent], *places[child]) for parent, child in pairs]
    drawn_boxes = [_box(box, *places[box.row], box.row == row, link) for box in found]
    says = f"The lineage of {row}: {len(found)} rows"
    return Markup(
        f'<svg viewBox="-2 -2 {width + 4} {height + 4}" role="group" aria-label="{escape(says)}" class="lineage">'
        f'<g class="lines">{"".join(lines)}</g>{"".join(drawn_boxes)}</svg>'
    )


def _line(x: int, y: int, to_x: int, to_y: int) -> str:
    """From the right side of one box to the left side of another."""
    start, y, to_y = x + WIDTH, y + HEIGHT // 2, to_y + HEIGHT // 2
    return f'<path d="M{start} {y} C{start + 30} {y} {to_x - 30} {to_y} {to_x} {to_y}"/>'


def _box(box: Box, x: int, y: int, own: bool, link: str) -> str:
    kind, _, digest = box.row.partition("-")
    texts = (
        f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="4"/>'
        f'<text x="{x + 8}" y="{y + 18}">{escape(kind)} {escape(digest[:8])}</text>'
        f'<text x="{x + 8}" y="{y + 36}" class="soft">{escape(box.stands_in[:26])}</text>'
    )
    address = escape(link.format(box.row))
    return f'<g class="own">{texts}</g>' if own else f'<a href="{address}">{texts}</a>'
