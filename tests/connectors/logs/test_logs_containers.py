"""Compressed files and archives: what is in them is read, within bounds, and nothing gets outside."""

import bz2
import gzip
import io
import json
import lzma
import stat
import sys
import tarfile
import warnings
import zipfile

import pytest

from convexplain.connectors.logs import inspect_log, read_log
from convexplain.connectors.logs.engine import containers
from convexplain.errors import LogError, MissingExtraError

from .reading import HI, HI_SAID, read, said, told, write

GOOD = json.dumps({"messages": HI}).encode() + b"\n"


def zstd(data):
    import zstandard

    return zstandard.ZstdCompressor().compress(data)


def zipped(*members, method=zipfile.ZIP_DEFLATED):
    """A zip archive of names (or ZipInfo) and contents."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return made.getvalue()


def tarred(*members, mode="w"):
    """A tar archive of names and contents; of a TarInfo there is no content."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode=mode) as archive:
        for name, content in members:
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return made.getvalue()


PACKERS = [
    (gzip.compress, "gzip", ".gz"),
    (bz2.compress, "bzip2", ".bz2"),
    (lzma.compress, "xz", ".xz"),
    (zstd, "zstd", ".zst"),
]


@pytest.mark.parametrize(("pack", "kind", "ending"), PACKERS)
def test_compressed_files_are_read_as_what_is_in_them(tmp_path, pack, kind, ending):
    found, problems = read(tmp_path, pack(GOOD * 2), f"chats.jsonl{ending}")
    assert problems == []
    # Ids are made of the name without both endings; the source is the file.
    assert [(item.id, said(item)) for item in found] == [("chats-1", HI_SAID), ("chats-2", HI_SAID)]
    assert found[0].source == str(tmp_path / f"chats.jsonl{ending}")
    assert dict(inspect_log(tmp_path / f"chats.jsonl{ending}").containers) == {kind: 1}


@pytest.mark.parametrize(("pack", "kind", "ending"), PACKERS)
def test_they_are_told_by_their_content_and_in_several_pieces(tmp_path, pack, kind, ending):
    table = b"session,role,text\n1,user,Hi\n1,bot,Hello\n"
    # Several compressed pieces one after the other are one file.
    found, problems = read(tmp_path, pack(table[:20]) + pack(table[20:]), "export.bin")
    assert problems == []
    assert [said(item) for item in found] == [HI_SAID]


@pytest.mark.slow
@pytest.mark.parametrize(("pack", "kind", "ending"), PACKERS)
def test_damaged_ones_give_what_comes_before_the_damage(tmp_path, pack, kind, ending):
    # Ten megabytes whose second half is lost; noise, so that packing keeps the parts apart.
    noise = "".join(chr(33 + (n * n * 7919 + n // 7) % 90) for n in range(40_000)).replace('"', "").replace("\\", "")
    record = json.dumps({"messages": [{"role": "user", "content": noise}, HI[1]]}).encode() + b"\n"
    records = b"".join(record.replace(b"Hello", str(n).encode()) for n in range(300))
    data = pack(records)
    path = write(tmp_path, data[: len(data) // 2], f"chats.jsonl{ending}")
    found = []
    with pytest.raises(LogError, match=r"chats\.jsonl") as caught:
        found.extend(read_log(path))
    assert "damaged" in str(caught.value)


def test_a_compressed_file_in_a_compressed_file_is_refused(tmp_path):
    for data in (gzip.compress(gzip.compress(GOOD)), gzip.compress(zipped(("a.jsonl", GOOD)))):
        with pytest.raises(LogError, match="archive inside a compressed file"):
            read(tmp_path, data, "a.gz")


def test_zstd_without_its_library(tmp_path, monkeypatch):
    path = write(tmp_path, zstd(GOOD), "a.jsonl.zst")
    monkeypatch.setitem(sys.modules, "zstandard", None)
    monkeypatch.setitem(sys.modules, "compression.zstd", None)
    with pytest.raises(MissingExtraError, match=r"convexplain\[logs\]"):
        list(read_log(path))


ARCHIVES = [
    (zipped, "a.zip", "zip"),
    (tarred, "a.tar", "tar"),
    (lambda *members: gzip.compress(tarred(*members)), "a.tar.gz", "tar in gzip"),
    (lambda *members: zstd(tarred(*members)), "a.tar.zst", "tar in zstd"),
]


@pytest.mark.parametrize(("pack", "name", "kind"), ARCHIVES)
def test_members_of_an_archive_are_files_of_their_own(tmp_path, pack, name, kind):
    data = pack(
        ("one.jsonl", GOOD * 2),
        ("more/two.csv", b"session,role,text\n1,user,Hi\n1,bot,Hello\n"),
        ("__MACOSX/._one.jsonl", b"\x00\x05"),
        (".DS_Store", b"\x00"),
        ("more/.hidden.jsonl", GOOD),
        ("pictures/1.png", b"\x89PNG"),
        ("pictures/2.PNG", b"\x89PNG"),
        ("empty.jsonl", b""),
        ("prose.txt", b"Dear all, nothing here.\n"),
    )
    found, problems = read(tmp_path, data, name)
    place = str(tmp_path / name)
    assert [(item.source, item.id, said(item)) for item in found] == [
        (f"{place}/one.jsonl", "one-1", HI_SAID),
        (f"{place}/one.jsonl", "one-2", HI_SAID),
        (f"{place}/more/two.csv", "1", HI_SAID),
    ]
    assert sorted((text.partition(" (")[0][:60], kept) for text, kept in told(tmp_path, problems)) == [
        (f"{name}/empty.jsonl: the file is empty", False),
        (f"{name}/prose.txt: is no log of a known format"[:60], False),
        (f"{name}: 2 members that are no logs are left out", True),
    ]
    assert dict(inspect_log(tmp_path / name).containers) == {kind: 4}


@pytest.mark.parametrize("pack", [zipped, tarred])
@pytest.mark.parametrize(
    "name", ["../out.jsonl", "/etc/out.jsonl", "a/../../out.jsonl", "C:\\out.jsonl", "..\\out.jsonl"]
)
def test_nothing_gets_outside(tmp_path, pack, name):
    found, problems = read(tmp_path, pack((name, GOOD), ("in.jsonl", GOOD)), "a.archive")
    assert [item.id for item in found] == ["in-1"]
    assert len(problems) == 1
    assert not problems[0].kept
    assert "out.jsonl" in problems[0].reason
    assert "leads outside the archive" in problems[0].reason
    assert sorted(path.name for path in tmp_path.parent.rglob("out.jsonl")) == []


def test_links_are_left_out(tmp_path):
    link = zipfile.ZipInfo("link.jsonl")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    hard, soft, pipe = (tarfile.TarInfo(f"{kind}.jsonl") for kind in ("hard", "soft", "pipe"))
    hard.type, soft.type, pipe.type = tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.FIFOTYPE
    hard.linkname = soft.linkname = "/etc/passwd"
    for data, count in (
        (zipped((link, b"/etc/passwd"), ("in.jsonl", GOOD)), 1),
        (tarred((hard, b""), (soft, b""), (pipe, b""), ("in.jsonl", GOOD)), 3),
    ):
        found, problems = read(tmp_path, data, "a.archive")
        assert [item.id for item in found] == ["in-1"]
        assert ["link" in problem.reason for problem in problems] == [True] * count


def test_encrypted_members_are_told(tmp_path):
    data = bytearray(zipped(("secret.jsonl", GOOD), ("in.jsonl", GOOD)))
    # Bit 0 of the flags says that a member is encrypted; they stand 8 bytes after an entry of the directory begins.
    data[data.index(b"PK\x01\x02") + 8] |= 1
    found, problems = read(tmp_path, bytes(data), "a.zip")
    assert [item.id for item in found] == ["in-1"]
    assert told(tmp_path, problems) == [("a.zip: the member 'secret.jsonl' is left out: it is encrypted", False)]


def test_archives_inside_archives_are_not_opened(tmp_path):
    data = zipped(
        ("inner.zip", zipped(("x.jsonl", GOOD))),
        ("inner.jsonl.gz", gzip.compress(GOOD)),
        ("inner.tar", tarred(("x.jsonl", GOOD))),
        ("in.jsonl", GOOD),
    )
    found, problems = read(tmp_path, data, "a.zip")
    assert [item.id for item in found] == ["in-1"]
    assert told(tmp_path, problems) == [
        (f"a.zip/{name}: is an archive inside an archive: unpack it first", False)
        for name in ("inner.zip", "inner.jsonl.gz", "inner.tar")
    ]


@pytest.fixture
def small(monkeypatch):
    """Bounds that a test can reach: 300,000 bytes at all, 20 times the size once over 100,000 bytes, 3 members."""
    monkeypatch.setattr(containers, "MAX_BYTES", 300_000)
    monkeypatch.setattr(containers, "MAX_RATIO", 20)
    monkeypatch.setattr(containers, "FREE", 100_000)
    monkeypatch.setattr(containers, "MAX_MEMBERS", 3)


@pytest.mark.slow
@pytest.mark.parametrize(("pack", "kind", "ending"), PACKERS)
def test_bombs_are_given_up(tmp_path, small, pack, kind, ending):
    with pytest.raises(LogError, match="more than 20 times its size"):
        read(tmp_path, pack(GOOD * 50_000), f"a.jsonl{ending}")


@pytest.mark.slow
@pytest.mark.parametrize(("pack", "name", "kind"), ARCHIVES)
def test_bombs_in_archives_are_given_up(tmp_path, small, pack, name, kind):
    path = write(tmp_path, pack(("a.jsonl", GOOD * 50_000)), name)
    problems = []
    try:
        found = list(read_log(path, on_problem=problems.append))
    except LogError as error:
        reasons = [str(error)]
    else:
        # 100,000 bytes are read before the ratio counts, in pieces of 65,536 bytes; a record has 82.
        assert len(found) < 300_000 // len(GOOD)
        reasons = [problem.reason for problem in problems]
    assert len(reasons) == 1
    assert "times its size" in reasons[0] or "300,000 bytes" in reasons[0]


@pytest.mark.slow
def test_the_members_together_are_bounded(tmp_path, small, monkeypatch):
    # Stored, so that the ratio is 1: three members of 150,000 bytes are more than 300,000.
    monkeypatch.setattr(containers, "MAX_MEMBERS", 4)
    data = zipped(*((f"{n}.jsonl", GOOD * (150_000 // len(GOOD))) for n in range(4)), method=zipfile.ZIP_STORED)
    found, problems = read(tmp_path, data, "a.zip")
    # Of the third member nothing comes, or its beginning.
    assert {item.source[-7:] for item in found} >= {"0.jsonl", "1.jsonl"}
    assert "3.jsonl" not in {item.source[-7:] for item in found}
    assert [problem.reason for problem in problems] == [
        "unpacks to more than 300,000 bytes: the rest is not read",
        "the members after that are not read",
    ]


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_too_many_members(tmp_path, small, pack):
    with pytest.raises(LogError, match="more than 3 members"):
        read(tmp_path, pack(*((f"{n}.jsonl", GOOD) for n in range(4))), "a.archive")


def test_members_that_overlap(tmp_path):
    """A bomb whose directory names the same bytes many times: the library notices."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = zipped(("a.jsonl", GOOD * 3), ("b.jsonl", GOOD))
    # The second entry of the directory is made to point to the first member.
    place = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 4)
    data = data[: place + 42] + b"\0\0\0\0" + data[place + 46 :]
    found, problems = read(tmp_path, data, "a.zip")
    assert "b-1" not in [item.id for item in found]
    assert any("damaged" in problem.reason for problem in problems)


def test_damaged_archives(tmp_path):
    data = zipped(("a.jsonl", GOOD * 100), ("b.jsonl", GOOD))
    with pytest.raises(LogError, match="damaged zip"):
        read(tmp_path, data[: len(data) // 2], "a.zip")
    flipped = bytearray(data)
    flipped[60] ^= 0xFF  # in the packed bytes of the first member
    found, problems = read(tmp_path, bytes(flipped), "a.zip")
    assert "b-1" in [item.id for item in found]
    assert any(str(problem).startswith(f"{tmp_path}/a.zip/a.jsonl") for problem in problems)
    data = tarred(("a.jsonl", GOOD), ("b.jsonl", GOOD * 100))
    with pytest.raises(LogError, match="damaged"):
        read(tmp_path, data[:2000], "a.tar")


def test_an_archive_without_logs(tmp_path):
    with pytest.raises(LogError, match="without a file that may be a log"):
        read(tmp_path, zipped(("a.png", b"x")), "a.zip")


def test_files_that_exports_hold_besides_are_no_failure(tmp_path):
    """As in an export of ChatGPT: user.json and message_feedback.json hold no conversations."""
    side = json.dumps({"id": "u", "email": "a@b.c"})
    data = zipped(("user.json", side), ("conversations.json", json.dumps([{"messages": HI}])), ("chat.html", "<html>"))
    found, problems = read(tmp_path, data, "export.zip")
    assert [(item.id, said(item)) for item in found] == [("conversations-1", HI_SAID)]
    assert told(tmp_path, problems) == [
        ("export.zip/user.json: is no log; exports hold such files besides: left out", True),
        ("export.zip: 1 members that are no logs are left out (1 .html)", True),
    ]
    # The same in a folder, and a log that only happens to be called so.
    assert read(tmp_path, side, "user.json")[0] == []
    assert [said(item) for item in read(tmp_path, GOOD, "users.json")[0]] == [HI_SAID]


def test_of_inspects_logs_only_the_samples_are_read(tmp_path):
    """header.json and summaries.json say again what the samples say."""
    data = zipped(
        ("_journal/start.json", "{}"),
        ("samples/a_epoch_1.json", json.dumps({"messages": HI})),
        ("samples/b_epoch_1.json", json.dumps({"messages": HI})),
        ("summaries.json", json.dumps([{"messages": HI}])),
        ("header.json", json.dumps({"messages": HI})),
    )
    found, problems = read(tmp_path, data, "log.eval")
    assert [item.id for item in found] == ["a_epoch_1-1", "b_epoch_1-1"]
    assert [problem.kept for problem in problems] == [True]


def test_names_of_members_are_made_safe(tmp_path):
    found, problems = read(tmp_path, tarred(("\udce9.jsonl", GOOD), ("a\nb.jsonl", GOOD)), "a.tar")
    assert [item.id for item in found] == ["?-1", "a\nb-1"]
    for item in found:
        item.source.encode("utf-8")
    assert problems == []


def test_columns_of_a_member_that_cannot_be_told_are_a_problem(tmp_path):
    found, problems = read(tmp_path, zipped(("x.csv", "a,b\n1,2\n"), ("in.jsonl", GOOD)), "a.zip")
    assert [item.id for item in found] == ["in-1"]
    assert "it is not known which columns" in problems[0].reason
