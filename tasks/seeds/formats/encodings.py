"""In which encoding a file's text is, which hardly any file says."""

import codecs
import contextlib

from charset_normalizer import from_bytes

from tasks.text.language import language

BYTE_ORDER_MARK = "\ufeff"
UTF_8 = "utf-8"
MARKS = (  # the longer ones first: UTF-32's begins with UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
WESTERN = "cp1252"
# Of Latin letters, with their languages: charset-normalizer 3.5 takes French in cp1252 for Baltic.
LATIN = {
    "cp1250": ("bs", "cs", "hr", "hu", "pl", "ro", "sk", "sl", "sq"),
    "cp1254": ("az", "tr"),
    "cp1257": ("et", "lt", "lv"),
    "cp1258": ("vi",),
}
# In which spreadsheets save what is not UTF-8. Of all encodings charset-normalizer takes a Mac's for Russian.
OF_SPREADSHEETS = [*(f"cp{page}" for page in range(1250, 1259)), "cp874", "cp932", "cp949", "cp950", "gb18030"]
OF_SPREADSHEETS += ["koi8_r", "cp866", "iso8859_5", "euc_jp"]  # and older programs
FEW_BYTES = 20  # beyond ASCII: of `Café` alone charset-normalizer makes Korean
LOOKED_AT = 20_000  # characters, for the language
START_BYTES = 2**22  # by which an encoding is known


def encoding(start: bytes) -> str:
    """By byte order mark; or UTF-8, but for single bytes; else one in which spreadsheets save."""
    start = start[:START_BYTES]
    start = start[: codecs.utf_8_decode(start, "ignore", False)[1]]  # without half of a letter at its end
    for mark, name in MARKS:
        if start.startswith(mark):
            return name
    zeros = [start[at::2].count(0) for at in (0, 1)]
    if max(zeros) > len(start) / 5:  # of pairs: two in five letters are of ASCII
        return "utf-16-be" if zeros[0] > zeros[1] else "utf-16-le"
    return UTF_8 if _is_utf8(start) else _guessed(start)


def is_wide(encoding: str) -> bool:
    """Whether a line feed is more than one byte."""
    return encoding.startswith(("utf-16", "utf-32"))


def read_as(encoding: str) -> tuple[str, str]:
    """What is said of a file in another encoding than UTF-8."""
    guessed = "" if is_wide(encoding) else ", for it is not UTF-8: are its letters right?"
    return "encoding", f"read as {encoding}{guessed}"


def _is_utf8(start: bytes) -> bool:
    try:
        start.decode()
    except UnicodeDecodeError:
        return _is_mostly_utf8(start)
    return True


def _is_mostly_utf8(start: bytes) -> bool:
    """By its lines, or by its letters: a file may be one line."""
    lines = [line.decode(errors="surrogateescape") for line in start.split(b"\n") if not line.isascii()]
    wrong = [sum("\udc80" <= letter <= "\udcff" for letter in line) for line in lines]
    letters = sum(letter > "\x7f" for line in lines for letter in line)
    return 2 * sum(map(bool, wrong)) <= len(lines) or 2 * sum(wrong) <= letters


def _guessed(start: bytes) -> str:
    found = from_bytes(start, cp_isolation=OF_SPREADSHEETS).best()
    few = sum(byte > 127 for byte in start) < FEW_BYTES
    if found and found.encoding not in (WESTERN, *LATIN) and not few:
        return found.encoding
    for page, languages in LATIN.items():
        with contextlib.suppress(UnicodeDecodeError):
            if language(start.decode(page)[:LOOKED_AT]) in languages:
                return page
    return WESTERN
