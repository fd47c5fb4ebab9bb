"""Machines that train together: which of them this one is, and where the first one is met."""

import contextlib
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import psutil

from tasks.engines.processes.ports import free_port

ADDRESS = "LANCE_ADDRESS"  # by which the others reach this machine, where it cannot be told
ELSEWHERE, LOOPBACK = "192.0.2.1", "127.0.0.1"  # the first is nobody's (RFC 5737)
WAITS_S = 1800  # torchrun for the other machines, which may wait for a slot
ASKED = ("PREFECT_API_URL", "AWS_ENDPOINT_URL")  # whoever answers there is reached from the right network


@dataclass(frozen=True)
class Together:
    """`address` is HOST:PORT of the first, which has number 0; `check` raises once nobody meets there any more."""

    machines: int
    number: int
    address: str
    check: Callable[[], None] = lambda: None

    @property
    def arguments(self) -> list[str]:
        """torchrun's: no machine may come later, and when one ends all of them do."""
        host, _, port = self.address.rpartition(":")
        meeting = ["--master-addr", host, "--master-port", port, "--rdzv-conf", f"timeout={WAITS_S}"]
        return ["--nnodes", str(self.machines), "--node-rank", str(self.number), *meeting]

    @property
    def environment(self) -> dict[str, str]:
        """Over which network Gloo and NCCL speak: left to themselves they take what the machine's own name leads to."""
        host = self.address.rpartition(":")[0]
        network = interface(own_address(host))
        asked = {name: os.environ.get(name) or network for name in ("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME")}
        return {name: value for name, value in asked.items() if value}


def free_address() -> str:
    """HOST:PORT of this machine, for others: as the server or the bucket sees it; where those are on this machine, as
    whoever is elsewhere does.
    """
    there = (urlsplit(os.environ.get(name, "")).hostname for name in ASKED)
    seen = (own_address(host) for host in (*filter(None, there), ELSEWHERE))
    found = next((address for address in seen if address and not address.startswith("127.")), LOOPBACK)
    return f"{os.environ.get(ADDRESS) or found}:{free_port()}"


def own_address(host: str) -> str:
    """Of this machine, as `host` sees it; nothing is sent. Empty where no way leads there."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
        probe.connect((host, 1))
        return str(probe.getsockname()[0])
    return ""


def interface(address: str) -> str:
    """The name of the network that has this address; empty where none has."""
    known = psutil.net_if_addrs().items()
    return next((name for name, there in known if any(one.address == address for one in there)), "")
