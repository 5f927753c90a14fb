"""Files for this user alone, which appear when they are complete."""

import os
import stat

import pytest

from convexplain.system.files import make_folder, replacing, write_text


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_folders_and_files_are_for_this_user_alone(tmp_path):
    path = tmp_path / "a" / "b" / "c.txt"
    write_text(path, "é")
    assert path.read_text("utf-8") == "é"
    assert (mode(path), mode(path.parent), mode(path.parent.parent)) == (0o600, 0o700, 0o700)
    assert list(path.parent.iterdir()) == [path]


def test_what_was_there_keeps_its_mode(tmp_path):
    tmp_path.chmod(0o755)
    path = tmp_path / "c.txt"
    path.write_text("before")
    path.chmod(0o664)
    write_text(path, "after")
    make_folder(tmp_path)
    assert (path.read_text(), mode(path), mode(tmp_path)) == ("after", 0o664, 0o755)


def test_an_error_leaves_the_file_as_it_was(tmp_path):
    path = tmp_path / "c.txt"
    path.write_text("before")

    def write_half():
        with replacing(path) as part:
            part.write_text("half")
            assert path.read_text() == "before"
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_half()
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {"c.txt": "before"}


def test_a_link_stays_a_link_and_a_pipe_is_written_to(tmp_path):
    target, link = tmp_path / "target.txt", tmp_path / "link.txt"
    target.write_text("before")
    link.symlink_to(target)
    write_text(link, "after")
    assert (link.is_symlink(), target.read_text()) == (True, "after")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_text(pipe, "through")
    assert os.read(reader, 100) == b"through"
    os.close(reader)


def test_a_file_in_the_place_of_a_folder_is_an_error(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(OSError, match="file"):
        make_folder(tmp_path / "file")
