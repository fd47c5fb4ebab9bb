"""One bad row is a row with its problem; a file is refused where nothing of it can be read."""

import json
from pathlib import Path

import pandas
import pytest

from tasks.seeds.files import read_rows
from tasks.seeds.formats.json_text import START_BYTES
from tasks.seeds.formats.raw import RawRow

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
        ("lines.json", LINES),
        ("list.jsonl", json.dumps(ROWS)),
        ("indented.jsonl", json.dumps(ROWS, indent=2)),
        ("indented_rows.jsonl", "\n".join(json.dumps(row, indent=2) for row in ROWS)),
        ("indented_rows.json", "".join(json.dumps(row, indent=2) for row in ROWS)),
        ("lines.txt", LINES),
        ("no_ending", json.dumps(ROWS)),
        ("wrapped.json", json.dumps({"version": 3, "data": ROWS}, indent=2)),
        ("columns.json", json.dumps({key: [row[key] for row in ROWS] for key in ROWS[0]})),
        ("pandas_columns.json", pandas.DataFrame(ROWS).to_json()),
        ("pandas_index.json", pandas.DataFrame(ROWS).to_json(orient="index")),
        ("pandas_split.json", pandas.DataFrame(ROWS).to_json(orient="split")),
        ("a.csv", CSV),
        ("blanks.csv", 'prompt, response\nWhy?, So.\n"a\nb", "say ""x"", y\u2028z"\n'),
        ("carriage_returns.csv", 'prompt,response\rWhy?,So.\r"a\nb","say ""x"", y\u2028z"\r'),
        ("windows.csv", 'prompt,response\r\nWhy?,So.\r\n"a\nb","say ""x"", y\u2028z"\r\n'),
        ("blank_lines.csv", CSV.replace("So.\n", "So.\n\n") + "\n"),
        ("backslashes.csv", 'prompt,response\nWhy?,So.\n"a\nb","say \\"x\\", y\u2028z"\n'),
        ("semicolons.csv", 'prompt;response\nWhy?;So.\n"a\nb";"say ""x"", y\u2028z"\n'),
        ("excel.csv", 'sep=;\r\nprompt;response\r\nWhy?;So.\r\n"a\nb";"say ""x"", y\u2028z"\r\n'),
        ("tabs.csv", 'prompt\tresponse\nWhy?\tSo.\n"a\nb"\t"say ""x"", y\u2028z"\n'),
        ("a.tsv", 'prompt\tresponse\nWhy?\tSo.\n"a\nb"\t"say ""x"", y\u2028z"\n'),
        ("bars.csv", 'prompt|response\nWhy?|So.\n"a\nb"|"say ""x"", y\u2028z"\n'),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_every_form_of_text_gives_the_same_rows(tmp_path: Path, name: str, content: str, encoding: str) -> None:
    if name in ("lines.txt", "no_ending") and not encoding.startswith("utf-8"):
        pytest.skip("what has no known ending is known by its first letter")
    rows = list(read_rows(write(tmp_path / name, content.encode(encoding))))
    assert [row.values for row in rows] == ROWS
    assert [row.source for row in rows] == [f"{name}:1", f"{name}:2"]


@pytest.mark.parametrize(("name", "content"), [("a.jsonl", LINES), ("a.csv", CSV), ("a.json", json.dumps(ROWS))])
def test_how_a_file_was_read_is_said_once(tmp_path: Path, name: str, content: str) -> None:
    rows = list(read_rows(write(tmp_path / name, b"\xef\xbb\xbf" + content.encode())))
    assert [[rule for rule, _ in row.said] for row in rows] == [["byte_order_mark"], []]
    rows = list(read_rows(write(tmp_path / name, content.encode("utf-16"))))
    assert [[rule for rule, _ in row.said] for row in rows] == [["encoding"], []]
    assert [row.said for row in read_rows(write(tmp_path / name, content))] == [(), ()]


def test_separator_and_encoding_of_a_csv_are_said(tmp_path: Path) -> None:
    first, _ = read_rows(
        write(tmp_path / "a.csv", "prompt;response\nWo ist der Käse?;Über der Tür.\nb;c\n".encode("cp1252"))
    )
    assert first.values == {"prompt": "Wo ist der Käse?", "response": "Über der Tür."}
    assert dict(first.said) == {
        "encoding": "read as cp1252, for it is not UTF-8: are its letters right?",
        "separator": "its values are separated by semicolons",
    }


@pytest.mark.parametrize(
    ("encoding", "prompt", "response"),
    [
        ("cp1252", "Café?", "Oui."),
        (
            "cp1252",
            "Où est né le célèbre poète français à l'âge d'or ?",
            "Près de la forêt, là où l'été s'achève très tôt.",
        ),
        ("cp1252", "Onde estão as irmãs e os irmãos?", "As irmãs não estão lá; são de São João e põem pães à mesa."),
        ("cp1252", "Say “hello” – it’s café time…", "He’s naïve — “quite so”, or “so” they say – it’s “fine”."),
        ("cp1250", "Gdzie płynie największa rzeka?", "Wisła płynie przez Kraków, więc łąki są żółte i piękne."),
        ("cp1254", "En uzun ırmak nerede akıyor?", "Kızılırmak İç Anadolu'da akıyor; ağaçlar yeşil, şehir büyük."),
        ("cp1252", "Kus on šokolaad ja žurnaal?", "Šokolaad on laual, ja žurnaal on selle kõrval; öö on külm."),
        ("cp1251", "Как дела и что нового?", "Хорошо спасибо а у вас как"),
        ("koi8_r", "Как дела и что нового?", "Хорошо, спасибо, а у вас как? Волга течет через Казань."),
        ("cp866", "Как дела и что нового?", "Хорошо, спасибо, а у вас как? Волга течет через Казань."),
        ("gb18030", "请解释概念是什么意思", "人工智能是计算机科学的一个分支"),
        ("cp932", "東京はどこですか", "日本の首都で人口が一番多い都市です"),
    ],
)
def test_what_is_not_utf_8_is_known_by_its_letters(tmp_path: Path, encoding: str, prompt: str, response: str) -> None:
    row = {"prompt": prompt, "response": response}
    as_json = json.dumps(row, ensure_ascii=False)
    for name, text in {
        "a.csv": f'prompt,response\n"{prompt}","{response}"\n',
        "a.jsonl": as_json,
        "a.json": f"[{as_json}]",
    }.items():
        (found,) = read_rows(write(tmp_path / name, text.encode(encoding)))
        assert found.values == row
        assert dict(found.said) == {"encoding": f"read as {encoding}, for it is not UTF-8: are its letters right?"}


def test_of_letters_that_are_guessed_what_is_utf_8_is_read_so_and_what_is_neither_is_one_bad_row(
    tmp_path: Path,
) -> None:
    lines = ['{"prompt": "it\u2019s"}'.encode("cp1252"), *[b'{"prompt": "plain"}'] * 300_000]
    lines += ['{"prompt": "Où est né le poète?"}'.encode(), b'{"prompt": "\x81"}']
    first, *_, late, bad = read_rows(write(tmp_path / "a.jsonl", b"\n".join(lines)))
    assert (first.values, late.values) == ({"prompt": "it\u2019s"}, {"prompt": "Où est né le poète?"})
    assert "expected CP1252 text, found the byte 0x81 at byte 12 of the line" in bad.problem
    *_, bad = read_rows(write(tmp_path / "a.csv", b"prompt,response\nCaf\xe9?,Oui.\nCaf\x81?,Oui.\n"))
    assert "expected CP1252 text, found the byte 0x81" in bad.problem


def test_a_quote_that_is_never_closed_costs_its_own_line(tmp_path: Path) -> None:
    lines = [f"question {n},answer {n}" for n in range(100)]
    lines[10] = 'question 10,"answer 10'
    rows = list(read_rows(write(tmp_path / "a.csv", "\n".join(["prompt,response", *lines]))))
    assert [row.row for row in rows if row.problem] == [11]
    assert [row.line for row in rows] == list(range(2, 102))
    assert rows[-1].values == {"prompt": "question 99", "response": "answer 99"}


def test_between_tabs_a_quote_may_be_a_letter(tmp_path: Path) -> None:
    rows = list(read_rows(write(tmp_path / "a.tsv", 'prompt\tresponse\n"To be\tA1\nQ2\tA2\nnot to be"\tA3\n')))
    assert [row.values["prompt"] for row in rows] == ['"To be', "Q2", 'not to be"']
    (row,) = read_rows(write(tmp_path / "b.tsv", 'prompt\tresponse\n"To be"\t"A, B"\n'))
    assert row.values == {"prompt": "To be", "response": "A, B"}


def test_columns_without_a_name_get_one(tmp_path: Path) -> None:
    (row,) = read_rows(write(tmp_path / "a.csv", ",prompt,response,,\n0,Why?,So.,,\n"))
    names = {"Unnamed: 0": "0", "Unnamed: 3": "", "Unnamed: 4": ""}
    assert row.values == {"prompt": "Why?", "response": "So."} | names


TALK = [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "So."}]
VALUES: dict[str, tuple[object, list[dict[str, object]]]] = {
    "columns by a label": (
        {"prompt": {"q1": "Why?"}, "response": {"q1": "So."}},
        [{"prompt": "Why?", "response": "So."}],
    ),
    "rows by a label": ({"q1": {"prompt": "Why?"}, "q2": {"prompt": "How?"}}, [{"prompt": "Why?"}, {"prompt": "How?"}]),
    "one row with a list": (
        {"prompt": "Why?", "sources": [{"url": "x"}]},
        [{"prompt": "Why?", "sources": [{"url": "x"}]}],
    ),
    "one column of conversations": ({"messages": [TALK, TALK]}, [{"messages": TALK}, {"messages": TALK}]),
    "one conversation": (TALK, [{"messages": TALK}]),
    "one row that is a conversation": ({"messages": TALK, "id": 1}, [{"messages": TALK, "id": 1}]),
    "conversations": ([TALK, TALK], [{"messages": TALK}, {"messages": TALK}]),
}


@pytest.mark.parametrize("name", VALUES)
def test_where_the_rows_of_a_value_are(tmp_path: Path, name: str) -> None:
    value, expected = VALUES[name]
    assert [row.values for row in read_rows(write(tmp_path / "a.json", json.dumps(value)))] == expected


def test_lines_that_are_conversations_may_be_called_json(tmp_path: Path) -> None:
    rows = read_rows(write(tmp_path / "a.json", "\n".join(json.dumps(TALK) for _ in range(2))))
    assert [row.values for row in rows] == [{"messages": TALK}] * 2


def test_a_letter_that_the_first_bytes_cut_in_two_is_still_utf_8(tmp_path: Path) -> None:
    start = '[{"prompt": "'
    text = start + "x" * (START_BYTES - len(start) - 1) + 'é"}]'
    (found,) = read_rows(write(tmp_path / "a.json", text))
    assert (str(found.values["prompt"])[-1], found.said) == ("é", ())


def test_of_several_splits_in_a_file_the_one_to_train_on_is_read_and_the_others_are_named(tmp_path: Path) -> None:
    rows = list(read_rows(write(tmp_path / "a.json", json.dumps({"train": ROWS, "test": ROWS[:1], "dev": []}))))
    assert [row.values for row in rows] == ROWS
    assert [row.said for row in rows] == [(("other_splits", "not read beside train: test, dev"),), ()]


def test_a_csv_text_may_be_longer_than_the_modules_default_limit(tmp_path: Path) -> None:
    rows = list(read_rows(write(tmp_path / "a.csv", f"prompt,response\nWhy?,{'x' * 200_000}\n")))
    assert len(str(rows[0].values["response"])) == 200_000


BAD_ROW: list[tuple[str, str | bytes, list[str]]] = [
    ("bytes.jsonl", LINES.encode() + b'{"prompt": "\xff"}\n', ["UTF-8 text", "0xff at byte 12", "save"]),
    ("bytes.csv", CSV.encode() + b"ol\xe9,x\n", ["UTF-8 text", '0xe9 in "ol"', "save"]),
    ("cut.jsonl", LINES + '\n{"prompt": "x', ["valid JSON", "line 4, column 12", "mend"]),
    ("surrogate.jsonl", LINES + '{"prompt": "\\ud83d"}\n', ["text", "half of a surrogate pair", "mend line 3"]),
    ("digits.jsonl", LINES + f'{{"prompt": {"1" * 5000}}}', ["plain numbers", "thousands of digits", "line 3"]),
    ("deep.jsonl", LINES + "[" * 200_000, ["thousands", "mend line 3"]),
    ("list.jsonl", LINES + "\n[1, 2]\n", ["an object", "found [1, 2]", "one object a line"]),
    ("text.json", json.dumps([*ROWS, "third"]), ["an object", 'found "third"', "every item"]),
    ("short.csv", CSV + "alone\n", ["2 fields", "found 1;", "quote"]),
    ("long.csv", CSV + "a,b,c\n", ["2 fields", "found 3;", "quote"]),
    ("quote.csv", CSV + '"a"b,c\n', ["valid CSV", "expected after", "double a quote"]),
    ("open.csv", CSV + '"a,c\n', ["valid CSV", "unexpected end of data", "quote"]),
]


@pytest.mark.parametrize(("name", "content", "parts"), BAD_ROW, ids=[name for name, *_ in BAD_ROW])
@pytest.mark.parametrize("followed", [False, True])
def test_a_bad_row_is_one_row_with_its_problem(
    tmp_path: Path, name: str, content: str | bytes, parts: list[str], followed: bool
) -> None:
    text = content if isinstance(content, bytes) else content.encode()
    followed = followed and name not in ("open.csv", "text.json")  # which go on to the file's end
    if followed:
        text = text.removesuffix(b"\n") + b"\n" + (b"x,y\n" if name.endswith(".csv") else b'{"prompt": "x"}\n')
    good = [{**row} for row in ROWS]
    *before, bad = (rows := list(read_rows(write(tmp_path / name, text))))[:3]
    assert [row.values for row in before] == good
    assert (bad.values, bad.source) == ({}, f"{name}:3")
    assert [part for part in ("expected ", "found ", *parts) if part not in bad.problem] == [], bad.problem
    assert [one.values.get("prompt") for one in rows[3:]] == (["x"] if followed else [])


BAD: list[tuple[str, str | bytes, list[str]]] = [
    ("broken.json", '[\n{"prompt" "x"}]', ["valid JSON", "line 2, column 11", "mend"]),
    ("deep.json", "[" * 200_000, ["thousands", "mend"]),
    ("bytes.json", b'[{"prompt": "\x81"}]', ["cp1252 text", "0x81", "save the file as UTF-8"]),
    ("two_lists.json", '{"one": [], "two": []}', ["exactly one list", '"two"', "into one list"]),
    ("number.json", "12", ["a list of objects", "found 12", "into one list"]),
    ("header.csv", "prompt,prompt\na,b\n", ["each column once", '["prompt", "prompt"]', "first line"]),
    ("junk.parquet", b"PAR1 this is none PAR1", ["after row 0", "whole Parquet file", "found Parquet", "again"]),
    ("junk.arrow", b"ARROW1 this is none ARROW1", ["after row 0", "whole Arrow file", "again"]),
    ("zero.parquet", b"", ["whole Parquet file", "0 bytes", "again"]),
    ("zero.jsonl", b"", ["at least one row", "found none", "add rows"]),
    ("mark.jsonl", b"\xef\xbb\xbf", ["at least one row", "found none", "add rows"]),
    ("blank.jsonl", "\n \n", ["at least one row", "found none", "add rows"]),
    ("zero.json", b"", ["at least one row", "found none", "add rows"]),
    ("list.json", "[]", ["at least one row", "found none", "add rows"]),
    ("zero.csv", b"", ["at least one row", "found none", "add rows"]),
    ("header_only.csv", "prompt,response\n", ["at least one row", "found none", "add rows"]),
    ("a.txt", "Why?", ["one of the endings .jsonl", "found the ending '.txt'", "save it in one"]),
    ("a", "Why?", ["one of the endings .jsonl", "found the ending ''", "save it in one"]),
    ("a.jsonl", "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12\n", ["LFS pointer", "lfs pull"]),
    ("a.parquet", "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12\n", ["LFS pointer"]),
]


@pytest.mark.parametrize(("name", "content", "parts"), BAD, ids=[name for name, *_ in BAD])
def test_a_file_of_which_nothing_can_be_read_is_refused(
    tmp_path: Path, name: str, content: str | bytes, parts: list[str]
) -> None:
    assert_refused(write(tmp_path / name, content), [name, "expected ", "found ", *parts])


def assert_refused(source: Path, parts: list[str]) -> None:
    with pytest.raises(ValueError, match=r"(?s): expected .+, found .+; .+") as caught:
        list(read_rows(source))
    assert type(caught.value) is ValueError  # and no UnicodeDecodeError, which is one too
    assert [part for part in parts if part not in str(caught.value)] == [], str(caught.value)


@pytest.mark.parametrize("values", [ROWS[0], {"messages": [{"role": "user", "content": "Why?"}]}])
def test_one_object_in_a_json_file_is_one_row(tmp_path: Path, values: dict[str, object]) -> None:
    (row,) = read_rows(write(tmp_path / "a.json", json.dumps(values, indent=1)))
    assert row == RawRow("a.json", 1, values)
