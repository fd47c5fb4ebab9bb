"""An S3 server (moto's), which a test may end and start again."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx
from moto.server import ThreadedMotoServer

from tasks.engines.processes.ports import free_port

NAME = "artifacts"


@dataclass
class S3:
    host: str = "127.0.0.1"
    port: int = field(default_factory=free_port)
    server: ThreadedMotoServer | None = None

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """For whoever keeps artifacts there."""
        keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "of-the-tests", "AWS_REGION": "us-east-1"}
        return keys | {"AWS_ENDPOINT_URL": self.url, "AWS_ALLOW_HTTP": "true", "LANCE_STORE": f"s3://{NAME}/tests"}

    def start(self) -> None:
        """With what was in it when it was stopped: moto keeps that in this process."""
        self.server = ThreadedMotoServer(self.host, self.port, verbose=False)
        self.server.start()

    def stop(self) -> None:
        if self.server:
            self.server.stop()

    def replace(self, key: str, content: bytes) -> None:
        import obstore
        from obstore.store import S3Store

        obstore.put(S3Store(NAME), key, content)

    def objects(self) -> dict[str, str]:
        """ETag by key."""
        import obstore
        from obstore.store import S3Store

        parts = obstore.list(S3Store(NAME))
        return {str(one["path"]): str(one["e_tag"]) for part in parts for one in part}


@contextmanager
def running(host: str = "127.0.0.1") -> Iterator[S3]:
    it = S3(host)
    try:
        it.start()
        httpx.put(f"{it.url}/{NAME}").raise_for_status()
        yield it
    finally:
        it.stop()
