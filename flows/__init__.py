"""When things happen, and what a person calls: the Prefect flows.

In: a recipe's name and settings. Out: an evolution's ledger with one more iteration, a model's results, an export.
"""

import sys
from pathlib import Path

# A `tasks.py` on PYTHONPATH, as Celery and Invoke have it, goes before what is installed: it is none of ours.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
