import tempfile
from pathlib import Path

from tests.support.malformed.table import FILE, table

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        FILE.write_text(table(Path(folder)), encoding="utf-8")
    print(FILE)
