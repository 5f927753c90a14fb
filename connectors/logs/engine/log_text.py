"""A log file's text, decoded once from its start to its end, as chunks or as lines."""

import codecs
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from charset_normalizer import from_bytes

from convexplain.errors import LogError

from .input_file import OnBytes, open_input
from .parse_results import ProblemReporter

SAMPLE = 1 << 16
"""Bytes that encoding and format are recognised from."""
MAX_RECORD = 1 << 26
"""Characters of one line or one JSON record; what is longer is left out, so that memory stays bounded."""

_BOMS = (  # UTF-32 first: its little-endian mark begins with that of UTF-16
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_MAGIC = (
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"%PDF-", "a PDF document"),
    (b"Rar!\x1a\x07", "a RAR archive: unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive: unpack it first"),
    (b"\xd0\xcf\x11\xe0", "an old Office document: save it as CSV first"),
)


_WESTERN = frozenset("ÄÖÜäöüßÀÂÇÈÉÊËÎÏÔŒÙÛàâæçèéêëîïôœùûÁÍÑÓÚáíñóú¿¡ìòãõÅÆØåøª°€£§©®™·´«»‹›‘’‚“”„–—…\xa0")


class NoLogError(LogError):
    """A file that is no log of a known format."""


class LogText:
    """The text of an open log. Its chunks or its lines can be had once.

    Attributes:
        path: the file.
        name: its name without the ending of a compression.
        encoding: the name of its encoding.
        head: the decoded start of the file, to recognise its format from.
        complete: whether the head is the whole text.
        on_line: is called with each line before it is yielded; None calls nothing.
    """

    on_line: Callable[[int, str], None] | None = None

    def __init__(self, path: Path, stream: BinaryIO, report: ProblemReporter, name: Path | None = None) -> None:
        """Return the text in a stream, which stands at its beginning.

        UTF-8 with or without a mark, UTF-16 and UTF-32 by their mark, Windows-1252 where that gives nothing but the
        letters of Western Europe, otherwise what charset-normalizer makes of the first SAMPLE bytes. Bytes that do not
        fit are replaced, and reported once.

        Raises:
            LogError: it cannot be read, or is empty or binary.
        """
        self.path = path
        self.name = name or path
        self._report = report
        self._stream = stream
        sample = self._read()
        self.complete = len(sample) < SAMPLE
        _refuse_binary(path, sample)
        self.encoding = self._find_encoding(sample)
        self._decoder = codecs.getincrementaldecoder(self.encoding)("strict")
        # Keeps the two halves of a CRLF in one chunk.
        self._newlines = io.IncrementalNewlineDecoder(None, translate=False)
        self.head = self._decode(sample, final=self.complete)
        if self.complete and not self.head.strip():
            raise LogError(path, None, "the file is empty")

    def chunks(self) -> Iterator[str]:
        """Yield the text in pieces of up to SAMPLE characters; a CRLF is never cut in two."""
        yield self.head
        final = self.complete
        while not final:
            data = self._read()
            final = not data
            yield self._decode(data, final=final)

    def lines(self) -> Iterator[tuple[int, str]]:
        """Yield the lines with 1-based numbers and their ends (LF, CRLF, CR); too long ones are reported."""
        number, size = 1, 0
        parts: list[str] = []
        for chunk in self.chunks():
            # StringIO cuts at LF, CRLF and CR alone; str.splitlines would cut at U+2028 and others as well.
            for piece in io.StringIO(chunk, newline=""):
                size += len(piece)
                if size <= MAX_RECORD:
                    parts.append(piece)
                if piece[-1] in "\r\n":
                    if size <= MAX_RECORD:
                        yield self._noted(number, "".join(parts) if len(parts) > 1 else piece)
                    else:
                        self._too_long(number)
                    number, size, parts = number + 1, 0, []
        if size > MAX_RECORD:
            self._too_long(number)
        elif parts:
            yield self._noted(number, "".join(parts))

    def _noted(self, number: int, line: str) -> tuple[int, str]:
        if self.on_line is not None:
            self.on_line(number, line)
        return number, line

    def _too_long(self, number: int) -> None:
        self._report(number, f"a line of more than {MAX_RECORD:,} characters is left out")

    def _read(self) -> bytes:
        try:
            return self._stream.read(SAMPLE)
        except OSError as error:
            raise LogError(self.path, None, f"cannot be read: {error.strerror or error}") from error

    def _decode(self, data: bytes, *, final: bool) -> str:
        state = self._decoder.getstate()
        try:
            text = self._decoder.decode(data, final)
        except UnicodeDecodeError:
            # From here on the decoder replaces; before, an error shows that something is wrong at all.
            self._decoder.setstate(state)
            self._decoder.errors = "replace"
            text = self._decoder.decode(data, final)
            name = self.encoding.removesuffix("-sig").upper()
            self._report(None, f"bytes that are no {name} were replaced by U+FFFD", kept=True)
        return self._newlines.decode(text, final)

    def _find_encoding(self, sample: bytes) -> str:
        for bom, encoding in _BOMS:
            if sample.startswith(bom):
                return encoding
        if _is_mostly_utf8(sample):
            return "utf-8"
        encoding = "cp1252"
        if not _is_western(sample):
            guess = from_bytes(sample).best()
            encoding = guess.encoding if guess is not None else "utf-8"
        if encoding != "utf-8":
            self._report(None, f"is not UTF-8; read as {encoding}, which is a guess", kept=True)
        return encoding


@contextmanager
def open_file(path: Path, on_bytes: OnBytes | None = None) -> Iterator["io.BufferedReader[Any]"]:
    """Open a log, which may be a pipe, and yield its bytes.

    Args:
        path: the file.
        on_bytes: receives the number of bytes each time that some were read.

    Raises:
        LogError: it is missing, a folder, or cannot be opened.
    """
    opened = open_input(path, on_bytes)
    try:
        stream = opened.__enter__()
    except IsADirectoryError as error:
        raise LogError(path, None, "is a folder; a log is one file") from error
    except FileNotFoundError as error:
        raise LogError(path, None, "there is no such file") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL character in the path
        raise LogError(path, None, f"cannot be opened: {getattr(error, 'strerror', None) or error}") from error
    try:
        yield stream
    except OSError as error:
        raise LogError(path, None, f"cannot be read: {error.strerror or error}") from error
    finally:
        opened.__exit__(None, None, None)


def _refuse_binary(path: Path, sample: bytes) -> None:
    for magic, what in _MAGIC:
        if sample.startswith(magic):
            raise LogError(path, None, f"is no text but {what}")
    if b"\x00" in sample and not any(sample.startswith(bom) for bom, _ in _BOMS):
        raise LogError(path, None, "is binary (it holds NUL bytes), no text")


def _is_mostly_utf8(sample: bytes) -> bool:
    """Return whether the sample is UTF-8, apart from a few damaged characters.

    In another encoding's text hardly any run of non-ASCII bytes is valid UTF-8 by chance: the sample is UTF-8 where its
    valid characters are at least as frequent as the invalid ones.
    """
    text = codecs.getincrementaldecoder("utf-8")("replace").decode(sample)
    wrong = text.count("\ufffd")
    return wrong == 0 or sum(character > "\x7f" for character in text) >= 2 * wrong


def _is_western(sample: bytes) -> bool:
    """Return whether the sample is surely Windows-1252, which charset-normalizer often misses in short texts.

    Its foreign letters are few and all of Western Europe; those of its neighbours' encodings would come out as letters
    and signs that hardly any text there holds (Polish `ł` as `³`).
    """
    text = sample.decode("cp1252", "replace")
    foreign = [character for character in text if character > "\x7f"]
    return len(foreign) * 4 < len(text) and _WESTERN.issuperset(foreign)
