"""Whatever is wrong with an input is said in words that were read by a person: tests/support/malformed/messages.md."""

from pathlib import Path

from tests.support.malformed.table import FILE, table


def test_malformed_inputs_are_told_as_they_were_read(tmp_path: Path) -> None:
    found = table(tmp_path)
    lines = [line for line in found.splitlines() if line.startswith("| ") and not line.startswith("| input")]
    assert len(lines) >= 200
    assert "Traceback" not in found
    assert found == FILE.read_text(encoding="utf-8"), "`python -m tests.support.malformed` writes it again: read it"
