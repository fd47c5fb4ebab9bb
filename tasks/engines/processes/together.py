"""Machines that train together: which of them this one is, and where the first one is met."""

import os
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

import psutil

from tasks.engines.processes.ports import free_port

ADDRESS = "LANCE_ADDRESS"  # by which the others reach this machine, where it cannot be told
ASKED = ("PREFECT_API_URL", "AWS_ENDPOINT_URL")  # whoever answers there is reached from the right network


@dataclass(frozen=True)
class Together:
    """`address` is HOST:PORT of the first, which has number 0."""

    machines: int
    number: int
    address: str

    @property
    def arguments(self) -> list[str]:
        """torchrun's: no machine may come later, and when one ends all of them do."""
        host, _, port = self.address.rpartition(":")
        meeting = ["--master-addr", host, "--master-port", port]
        return ["--nnodes", str(self.machines), "--node-rank", str(self.number), *meeting]

    @property
    def environment(self) -> dict[str, str]:
        """Over which network Gloo and NCCL speak: left to themselves they take what the machine's own name leads to."""
        host = self.address.rpartition(":")[0]
        network = interface(own_address(host))
        asked = {name: os.environ.get(name) or network for name in ("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME")}
        return {name: value for name, value in asked.items() if value}


def free_address() -> str:
    """HOST:PORT of this machine, for others."""
    asked = next((host for name in ASKED if (host := urlsplit(os.environ.get(name, "")).hostname)), "127.0.0.1")
    return f"{os.environ.get(ADDRESS) or own_address(asked)}:{free_port()}"


def own_address(host: str) -> str:
    """Of this machine, as `host` sees it; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((host, 1))
        return str(probe.getsockname()[0])


def interface(address: str) -> str:
    """The name of the network that has this address; empty where none has."""
    known = psutil.net_if_addrs().items()
    return next((name for name, there in known if any(one.address == address for one in there)), "")
