"""A run's clients ask again while its server is away, as after a restart. Imported by whatever a deployment runs.

Prefect's client asks again where a connection is refused only if it had one before, and a run opens new clients for
subflows and artifacts: with the server away for 25 s at that moment, a run failed with "All connection attempts
failed". A run that has begun knows that the address is right. How often: PREFECT_CLIENT_MAX_RETRIES, set with the work
pools: 8 are 510 s in all, each wait twice the one before. What a server thinks of a run that it has not heard of for
300 s: deployments/automations.yaml.
"""

from prefect.client.base import PrefectHttpxAsyncClient, PrefectHttpxSyncClient

for client in (PrefectHttpxSyncClient, PrefectHttpxAsyncClient):
    client._has_connected = property(lambda _: True, lambda _, value: None)  # type: ignore[assignment]
