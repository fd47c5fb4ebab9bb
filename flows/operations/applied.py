"""What this project has put on a server: what a person changed there since is left alone until the project changes.

It is kept in the Prefect variable `lance`, with the home that the server's runs live in.
"""

from typing import Any, Self

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import VariableCreate, VariableUpdate
from pydantic import BaseModel, Field

from tasks.store.home import Home
from tasks.store.rows import digest

VARIABLE = "lance"


class Applied(BaseModel):
    home: str = ""
    pool: str = ""  # where all deployments run; empty: where deployments/prefect.yaml says
    digests: dict[str, str] = Field(default_factory=dict)  # of the content, by what it was applied to

    @classmethod
    def read(cls, client: SyncPrefectClient) -> Self:
        there = client.read_variable_by_name(VARIABLE)
        return cls.model_validate(there.value) if there else cls()

    def write(self, client: SyncPrefectClient) -> None:
        value = self.model_dump()
        if client.read_variable_by_name(VARIABLE):
            client.update_variable(VariableUpdate(name=VARIABLE, value=value))
        else:
            client.create_variable(VariableCreate(name=VARIABLE, value=value))

    def knows(self, what: str, content: Any) -> bool:
        """Whether this content was what was applied to it last."""
        return self.digests.get(what) == digest(content)

    def is_new(self, what: str, content: Any) -> bool:
        """Whether this content was not what was applied to it last; from now on it is."""
        now = digest(content)
        before, self.digests[what] = self.digests.get(what), now
        return before != now

    def check_home(self, home: Home) -> None:
        """Raises ValueError where this machine would work in a home that the server's runs do not know."""
        if self.home not in ("", home.identity()):
            raise ValueError(
                f"the runs of this server live in another LANCE_HOME than {home.root}, or another LANCE_STORE: "
                "mount or set that one here, or give --no-workers (to leave it for good: delete the variable "
                f"{VARIABLE!r} in the UI)"
            )
        self.home = home.identity()
