"""The stages of one iteration as steps of a run: load rows, call the pure function, save rows. Wiring, no judgement."""
