import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.seeds.files import read_rows

ROWS: list[dict[str, object]] = [
    {"prompt": "Why?", "response": "So."},
    {"prompt": "a\nb", "response": 'say "x", y\u2028z'},
]
LINES = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS)
CSV = 'prompt,response\nWhy?,So.\n"a\nb","say ""x"", y\u2028z"\n'


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", LINES),
        ("a.ndjson", LINES.replace("\n", "\r\n")),
        ("blank_lines.jsonl", "\n" + LINES.replace("\n", "\n \n").removesuffix("\n")),
        ("a.JSON", json.dumps(ROWS)),
        ("wrapped.json", json.dumps({"version": 3, "data": ROWS}, indent=2)),
        ("a.csv", CSV),
        ("carriage_returns.csv", 'prompt,response\rWhy?,So.\r"a\nb","say ""x"", y\u2028z"\r'),
        ("blank_lines.csv", CSV.replace("So.\n", "So.\n\n") + "\n"),
    ],
)
def test_every_format_gives_the_same_rows(tmp_path: Path, name: str, content: str) -> None:
    rows = list(read_rows(write(tmp_path / name, content)))
    assert [row.values for row in rows] == ROWS
    assert [row.source for row in rows] == [f"{name}:1", f"{name}:2"]


def test_parquet(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [*ROWS, {"prompt": None, "response": "A"}]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet", row_group_size=2)
    pq.write_table(pa.table({"messages": [[{"role": "user", "content": "Q"}]]}), tmp_path / "b.parquet")
    found = list(read_rows(tmp_path))
    assert [row.values for row in found] == [*rows, {"messages": [{"role": "user", "content": "Q"}]}]
    assert [row.source for row in found] == ["a.parquet:1", "a.parquet:2", "a.parquet:3", "b.parquet:1"]


def test_a_folder_is_read_by_name_and_other_files_are_left_alone(tmp_path: Path) -> None:
    write(tmp_path / "b.jsonl", LINES)
    write(tmp_path / "a.csv", CSV)
    write(tmp_path / "README.md", "# no rows")
    assert [row.source for row in read_rows(tmp_path)] == ["a.csv:1", "a.csv:2", "b.jsonl:1", "b.jsonl:2"]


@pytest.mark.parametrize(("name", "content"), [("a.jsonl", LINES), ("a.csv", CSV), ("a.json", json.dumps(ROWS))])
def test_a_byte_order_mark_is_removed_and_said_once(tmp_path: Path, name: str, content: str) -> None:
    rows = list(read_rows(write(tmp_path / name, b"\xef\xbb\xbf" + content.encode())))
    assert [row.values for row in rows] == ROWS
    assert [row.byte_order_mark for row in rows] == [True, False]


def test_a_csv_text_may_be_longer_than_the_modules_default_limit(tmp_path: Path) -> None:
    rows = list(read_rows(write(tmp_path / "a.csv", f"prompt,response\nWhy?,{'x' * 200_000}\n")))
    assert len(str(rows[0].values["response"])) == 200_000


BAD: list[tuple[str, str | bytes, list[str]]] = [
    ("bytes.jsonl", LINES.encode() + b'{"prompt": "\xff"}\n', ["line 3", "UTF-8", "0xff", "save"]),
    ("latin.csv", b"prompt,response\nol\xe9,x\n", ["line 2", "UTF-8", "0xe9", "save"]),
    ("utf16.json", '[{"prompt": "x"}]'.encode("utf-16"), ["line 1", "UTF-8", "byte 0 ", "save"]),
    ("cut.jsonl", LINES + '\n{"prompt": "x', [":3:", "valid JSON", "line 4, column 12", "mend"]),
    ("broken.json", '[\n{"prompt" "x"}]', ["valid JSON", "line 2, column 11", "mend"]),
    ("surrogate.jsonl", LINES + '{"prompt": "\\ud83d"}\n', [":3:", "text", "surrogates not allowed", "mend line 3"]),
    ("digits.jsonl", LINES + f'{{"prompt": {"1" * 5000}}}', [":3:", "plain numbers", "digits", "mend line 3"]),
    ("deep.json", "[" * 200_000, ["JSON", "recursion", "mend"]),
    ("list.jsonl", LINES + "\n[1, 2]\n", [":3 (line 4)", "an object", "found [1, 2]", "one object per line"]),
    ("text.json", '[{"prompt": "x"}, "second"]', [":2:", "an object", 'found "second"', "every item"]),
    ("two_lists.json", '{"train": [], "test": []}', ["exactly one list", '"test"', "into one list"]),
    ("no_list.json", '{"prompt": "x"}', ["exactly one list", '{"prompt": "x"}', "into one list"]),
    ("number.json", "12", ["a list of objects", "found 12", "into one list"]),
    ("short.csv", CSV + "alone\n", [":3 (line 5)", "2 fields", "found 1;", "quote"]),
    ("long.csv", CSV + "a,b,c\n", [":3 (line 5)", "2 fields", "found 3;", "quote"]),
    ("header.csv", "prompt,prompt\na,b\n", ["each column once", '["prompt", "prompt"]', "rename"]),
    ("quote.csv", CSV + '"a"b,c\n', [":3 (line 5)", "valid CSV", "expected after", "double a quote"]),
    ("open.csv", CSV + '"a,c\n', [":3 (line 5)", "valid CSV", "unexpected end of data", "quote"]),
    ("junk.parquet", b"PAR1 this is none PAR1", ["after row 0", "whole Parquet file", "found Parquet", "again"]),
    ("zero.parquet", b"", ["whole Parquet file", "0 bytes", "again"]),
    ("zero.jsonl", b"", ["at least one row", "found none", "add rows"]),
    ("mark.jsonl", b"\xef\xbb\xbf", ["at least one row", "found none", "add rows"]),
    ("blank.jsonl", "\n \n", ["at least one row", "found none", "add rows"]),
    ("zero.json", b"", ["at least one row", "found none", "add rows"]),
    ("list.json", "[]", ["at least one row", "found none", "add rows"]),
    ("zero.csv", b"", ["at least one row", "found none", "add rows"]),
    ("header_only.csv", "prompt,response\n", ["at least one row", "found none", "add rows"]),
    ("a.txt", "Why?", ["one of the endings .jsonl", "found the ending '.txt'", "convert"]),
    ("a", "Why?", ["one of the endings .jsonl", "found the ending ''", "convert"]),
]


@pytest.mark.parametrize(("name", "content", "parts"), BAD, ids=[name for name, *_ in BAD])
def test_a_bad_file_is_refused_with_where_expected_found_and_advice(
    tmp_path: Path, name: str, content: str | bytes, parts: list[str]
) -> None:
    assert_refused(write(tmp_path / name, content), [name, "expected ", "found ", *parts])


def assert_refused(source: Path, parts: list[str]) -> None:
    with pytest.raises(ValueError, match=r"(?s): expected .+, found .+; .+") as caught:
        list(read_rows(source))
    assert type(caught.value) is ValueError  # and no UnicodeDecodeError, which is one too
    assert [part for part in parts if part not in str(caught.value)] == [], str(caught.value)


def test_paths_without_rows_are_refused(tmp_path: Path) -> None:
    assert_refused(tmp_path / "none.jsonl", ["none.jsonl", "nothing there", "check the path"])
    write(tmp_path / "README.md", "# no rows")
    assert_refused(tmp_path, [str(tmp_path), "a folder with files ending in .jsonl", "put seed files"])
    (tmp_path / "folder.jsonl").mkdir()
    assert_refused(tmp_path, ["folder.jsonl", "a readable file", "Is a directory", "check"])


def test_a_parquet_file_without_rows_or_with_damaged_pages_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"prompt": pa.array([], pa.string())}), path)
    assert_refused(path, ["a.parquet", "at least one row", "add rows"])
    pq.write_table(pa.table({"prompt": [f"text {n}" for n in range(1000)]}), path, compression="zstd")
    content = bytearray(path.read_bytes())
    content[4:400] = b"\xaa" * 396
    assert_refused(write(path, bytes(content)), ["a.parquet, after row 0", "whole Parquet file", "again"])


def test_a_parquet_text_that_is_no_utf8_is_refused(tmp_path: Path) -> None:
    text = pa.StringArray.from_buffers(1, pa.py_buffer(b"\0\0\0\0\1\0\0\0"), pa.py_buffer(b"\xff"))
    pq.write_table(pa.table({"prompt": text}), tmp_path / "a.parquet")
    assert_refused(tmp_path / "a.parquet", ["a.parquet, after row 0", "plain values", "utf-8", "again"])


def test_a_line_that_is_cut_off_is_named_by_its_own_number(tmp_path: Path) -> None:
    file = tmp_path / "seeds.jsonl"
    file.write_text('{"prompt": "a", "response": "b"}\n{"prompt": "x"\n{"prompt": "c", "response": "d"}\n')
    with pytest.raises(ValueError, match=r"seeds.jsonl:2: expected valid JSON, found .* at line 2, column 15"):
        list(read_rows(file))
