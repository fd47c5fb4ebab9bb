"""A port for a server that binds it later."""

import socket
from pathlib import Path

import pytest

from tasks.engines.processes import ports


def test_it_is_none_that_the_kernel_gives_to_whoever_connects() -> None:
    first = int(ports.EPHEMERAL.read_text().split()[0])
    assert all(1023 < ports.free_port() < first for _ in range(50))


def test_one_that_is_in_use_is_passed_over_and_without_any_it_is_the_kernels_choice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as used:
        used.bind(("127.0.0.1", 0))
        port = used.getsockname()[1]
        (tmp_path / "range").write_text(f"{port + 1} 60999")
        monkeypatch.setattr(ports, "EPHEMERAL", tmp_path / "range")
        monkeypatch.setattr(ports, "CHOICE", 1)
        assert ports.free_port() != port
    assert ports.free_port() == port


@pytest.mark.parametrize("first", [1024, 1030])
def test_a_range_that_leaves_hardly_any_is_no_hindrance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: int
) -> None:
    (tmp_path / "range").write_text(f"{first} 65535")
    monkeypatch.setattr(ports, "EPHEMERAL", tmp_path / "range")
    assert ports.free_port() >= 1024
