"""What a stage does: pure functions over typed rows, and the thin Prefect tasks over them.

Data moves one way:

    seeds ─► review ─► split ─┬─ low:  write instructions ─► clean ─► answer ─┐
                              └─ high: write flawed responses ────────────────┤
                                                                              ▼
          promote or hold ◄─ gate ◄─ evaluate ◄─ DPO ◄─ SFT ◄─ annotate ◄─ review ◄─ clean

Imports go one way too, and a test keeps it so:

    flows ─► steps ─► runner ─► stages, backends ─► prompts, text, artifacts ─► config, calls, records

Stages (anchors, calibrate, review, split, write, clean, annotate, pairs, evaluate, gate) import neither each other nor
Prefect, torch, vLLM or TRL. Nothing that the orchestrating environment imports needs torch; what runs in the model
environment is a module of `tasks.backends` started as a child process with a job file in and an artifact out.
"""
