"""Seed files that are wrong, or hold rows that are: by name, their bytes. Each has a good row before or behind."""

import gzip
import json

GOOD = {"prompt": "Why is the sky blue?", "response": "Air scatters blue light."}


def lines(*rows: object) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in (GOOD, *rows))


def said(*turns: tuple[object, object]) -> dict[str, list[object]]:
    return {"messages": [{"role": role, "content": content} for role, content in turns]}


OTHER = {"prompt": "Which?", "response": "That."}
ASK, SAY = ("user", "Why?"), ("assistant", "So.")
ROWS: dict[str, object] = {
    "null response": GOOD | {"response": None},
    "null prompt": GOOD | {"prompt": None},
    "empty response": GOOD | {"response": ""},
    "blank prompt": GOOD | {"prompt": " \n\t"},
    "both empty": {"prompt": "", "response": ""},
    "object as response": GOOD | {"response": {"name": None, "age": 57}},
    "list as prompt": GOOD | {"prompt": [1, 2]},
    "several texts as response": GOOD | {"response": ["So.", "Thus."]},
    "nested list as response": GOOD | {"response": [["a"]]},
    "NaN as response": GOOD | {"response": float("nan")},
    "missing response": {"prompt": "Why?"},
    "missing prompt": {"response": "So."},
    "misspelt column": {"promt": "Why?", "response": "So."},
    "columns that differ in case": {"Prompt": "Why?", "PROMPT": "So?", "response": "So."},
    "no columns": {},
    "a list in place of a row": ["Why?", "So."],
    "a text in place of a row": "Why?",
    "a number in place of a row": 4,
    "null in place of a row": None,
    "the same row again": GOOD,
    "the same row in capitals": {key: value.upper() for key, value in GOOD.items()},
    "1,100 words": GOOD | {"response": "word " * 1100},
    "12,000 letters without a blank": GOOD | {"response": "QUJD" * 3000},
    "input that is an object": {"instruction": "Add.", "input": {"a": 1}, "output": "3"},
    "context that is a list of numbers": {"instruction": "Add.", "context": [1, 2], "response": "3"},
    "history that is a text": {"instruction": "And?", "output": "So.", "history": "before"},
    "history with a lone question": {"instruction": "And?", "output": "So.", "history": [["Why?"]]},
    "history with an empty answer": {"instruction": "And?", "output": "So.", "history": [["Why?", ""]]},
    "history of numbers": {"instruction": "And?", "output": "So.", "history": [1]},
    "system text alone": {"system": "Be brief.", "question": "", "response": "So."},
    "messages that are a number": {"messages": 1},
    "messages that are no JSON": {"messages": "[{'role': 'user'"},
    "messages that are empty": {"messages": []},
    "a message that is a text": {"messages": ["Why?"]},
    "a message without a role": {"messages": [{"content": "Why?"}]},
    "a message without content": {"messages": [{"role": "user"}]},
    "a role that is null": said((None, "Why?")),
    "a role that is a number": said((1, "Why?")),
    "an unknown role": said(ASK, ("bing", "So.")),
    "two questions": said(ASK, ASK),
    "two answers": said(ASK, SAY, SAY),
    "a question last": said(ASK, SAY, ASK),
    "an answer alone": said(SAY),
    "a system message alone": said(("system", "Be brief.")),
    "an empty earlier turn": said(("user", ""), SAY, ASK, SAY),
    "content that is an image": said(("user", [{"type": "image_url", "image_url": {"url": "x"}}]), SAY),
    "content that is an object": said(("user", {"text": "Why?"}), SAY),
    "a tool's message": said(ASK, ("tool", "42"), SAY),
    "an answer that calls a tool": {
        "messages": [{"role": "user", "content": "Why?"}, {"role": "assistant", "tool_calls": [{}]}]
    },
    "tools that may be called": said(ASK, SAY) | {"tools": [{"name": "weather"}]},
    "ShareGPT without a value": {"conversations": [{"from": "human"}]},
    "prompt as messages, completion as text": {"prompt": [{"role": "user", "content": "Why?"}], "completion": "So."},
    "an answer that no check takes": {
        "question": "Which?",
        "response": "The second.",
        "answer": "B",
        "choices": "A, B",
    },
    "an unknown check": OTHER | {"check": "rhymes"},
    "a check with wrong arguments": OTHER | {"check": "matches", "arguments": {"patern": "x"}},
    "arguments that are no JSON": OTHER | {"check": "matches", "arguments": "{"},
    "tests that are no Python": OTHER | {"tests": "assert ("},
}
LINES: dict[str, bytes] = {
    "cut off": lines() + b'{"prompt": "Why',
    "a comma between": lines()[:-1] + b',\n{"prompt": "Why?", "response": "So."}\n',
    "single quotes": lines() + b"{'prompt': 'Why?', 'response': 'So.'}\n",
    "no UTF-8": lines()
    + '{"prompt": "Où?", "response": "Là."}\n'.encode()
    + b'{"prompt": "ol\xe9", "response": "x"}\n',
    "half a surrogate pair": lines() + b'{"prompt": "\\ud83d", "response": "x"}\n',
    "a number of 5,000 digits": lines() + b'{"prompt": ' + b"1" * 5000 + b"}\n",
    "200,000 brackets": lines() + b"[" * 200_000 + b"\n",
    "a bare word": lines() + b"Why?\n",
    "a comment": lines() + b"# more to come\n",
}
FILES: dict[str, bytes] = {
    "empty.jsonl": b"",
    "blank.jsonl": b"\n \n",
    "mark alone.jsonl": b"\xef\xbb\xbf",
    "of other columns.jsonl": b'{"text": "a"}\n{"text": "b"}\n',
    "mostly other rows.jsonl": lines({"text": "a"}, {"text": "b"}, {"text": "c"}),
    "all too long.jsonl": json.dumps(GOOD | {"response": "w " * 2000}).encode(),
    "pointer.jsonl": b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12\n",
    "broken.json": b'[{"prompt" "x"}]',
    "two lists.json": b'{"one": [], "two": []}',
    "other letters.json": b'[{"prompt": "Why?", "response": "\x81"}]',
    "number.json": b"12",
    "no rows.json": b"[]",
    "mixed.json": json.dumps([GOOD, "second", 3]).encode(),
    "twice.csv": b"prompt,prompt\na,b\n",
    "no header.csv": b"Why?,So.\nWhat?,That.\n",
    "header alone.csv": b"prompt,response\n",
    "short.csv": b"prompt,response\na,b\nalone\nc,d\n",
    "long.csv": b"prompt,response\na,b\nc,d,e\nf,g\n",
    "quote.csv": b'prompt,response\na,b\n"c"d,e\nf,g\n',
    "open quote.csv": b'prompt,response\na,b\n"c,d\ne,f\n',
    "one column.csv": b"prompt\na\nb\n",
    "bytes.csv": "prompt,response\nüber,à\n".encode() + b"ol\xe9,x\n",
    "junk.parquet": b"PAR1 this is none PAR1",
    "empty.parquet": b"",
    "junk.arrow": b"ARROW1 this is none ARROW1",
    "junk.jsonl.gz": b"no gzip at all",
    "cut.jsonl.gz": gzip.compress(lines() * 1000, mtime=0)[:-20],
    "junk.jsonl.zst": b"no zstd at all",
    "junk.csv.zip": b"no zip at all",
    "text.txt": b"Why is the sky blue?",
    "book.pdf": b"%PDF-1.4",
    "table.xlsx": b"PK\x03\x04",
}
