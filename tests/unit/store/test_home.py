"""Where everything lies: in the folder that is named, else in the project, wherever one stands."""

from pathlib import Path

import pytest

from tasks.store.home import ROOT, Home


@pytest.mark.parametrize("named", [None, ""])
def test_unnamed_it_is_in_the_project(named: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LANCE_HOME", raising=False)
    if named is not None:
        monkeypatch.setenv("LANCE_HOME", named)
    assert Home.here().root == ROOT / ".lance"


def test_a_named_folder_is_taken_from_where_one_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LANCE_HOME", "here")
    assert Home.here().root == tmp_path / "here"
