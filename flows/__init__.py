"""When things happen: Prefect flows, and the `lance` command line. Wiring only: no row is read here."""
