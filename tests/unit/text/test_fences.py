"""Fenced blocks, in the forms that models write them in."""

import pytest

from tasks.text.fences import Block, blocks


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a = 1", []),
        ("```python\na = 1\n```", [Block("python", "a = 1")]),
        ("```\na = 1\n```", [Block("", "a = 1")]),
        ("``` python\na\n```", [Block("python", "a")]),
        ("```Python3.11\na\n```", [Block("python3.11", "a")]),
        ("```python {.line}\na\n```", [Block("python", "a")]),
        ("```{.python .line}\na\n```", [Block("python", "a")]),
        ("```c++\na\n```", [Block("c++", "a")]),
        ("~~~python\na\n```\nb\n~~~", [Block("python", "a\n```\nb")]),
        ("````\n```\na\n```\n````", [Block("", "```\na\n```")]),
        ("```\na\n`````", [Block("", "a")]),
        ("```bash\nls\n```\nand\n```\nb\n```", [Block("bash", "ls"), Block("", "b")]),
        ("- so:\n\n  ```py\n  if a:\n      b\n  ```\n- more", [Block("py", "if a:\n    b")]),
        ("1. ```py\n   a\n   ```", [Block("py", "a")]),
        ("```py\na", [Block("py", "a")]),
        ("```py", [Block("py", "")]),
        ("```\r\na\r\n```\r\nb", [Block("", "a\r")]),
        ("use ```a``` or `b`", []),
        ("```a``` is code", []),
        ("``\na\n``", []),
        ("\\```\na", []),
    ],
)
def test_blocks_of_a_text(text: str, expected: list[Block]) -> None:
    assert blocks(text) == expected
