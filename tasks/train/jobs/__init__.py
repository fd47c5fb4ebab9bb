"""Jobs, run in the model environment, where alone torch may be imported: training with TRL, the KL divergence of two
models, a LoRA adapter of their difference.

In: a job file. Out: a model or adapter folder, or a figure in a record.
"""
