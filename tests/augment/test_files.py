from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from augment.errors import InputError, OutputError
from augment.file_modes import readable_as
from augment.files import check_exists, check_writable, opened, replacing, staged_text

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the modes of POSIX")


def mode(path: Path) -> str:
    return f"{stat.S_IMODE(path.stat().st_mode):o}"


@pytest.fixture(autouse=True)
def _usual_umask():
    old = os.umask(0o022)
    yield
    os.umask(old)


def test_new_files_are_no_more_readable_than_their_sources_and_replaced_ones_keep_their_mode(tmp_path: Path):
    secret, shared, new = (tmp_path / name for name in ("secret", "shared", "new"))
    secret.touch(0o600)
    shared.touch(0o644)
    os.chmod(shared, 0o640)
    with readable_as([secret, shared]), replacing(new) as temporary:
        assert mode(temporary.parent) == "700"  # nobody else reads what is half written
        temporary.write_text("rows")
    assert mode(new) == "600"
    with readable_as([shared, tmp_path / "a hub id"]):
        os.chmod(new, 0o604)
        with staged_text("more", new):
            pass
        assert mode(new) == "604"
        opened(tmp_path / "grows").close()
        assert mode(tmp_path / "grows") == "640"
        with replacing(tmp_path / "folder") as temporary:
            temporary.mkdir()
            (temporary / "part").touch()
    assert mode(tmp_path / "folder") == "750"
    assert mode(tmp_path / "folder" / "part") == "640"
    with staged_text("free", tmp_path / "free"):
        pass
    assert mode(tmp_path / "free") == "644"


def test_links_pipes_and_devices_are_neither_followed_nor_replaced_nor_waited_for(tmp_path: Path):
    (tmp_path / "real").write_text("precious")
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "loose").symlink_to("nothing")
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "link", tmp_path / "loose", tmp_path / "pipe", Path("/dev/null")):
        for write in (check_writable, opened, lambda path: staged_text("x", path).__enter__()):
            with pytest.raises(OutputError, match=r"is a symbolic link, which|is a device, a pipe or a socket"):
                write(path)
    assert (tmp_path / "real").read_text() == "precious"
    assert {path.name for path in tmp_path.iterdir()} == {"real", "link", "loose", "pipe"}
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError, match="is a folder; expected a file there"):
        check_writable(tmp_path / "folder", file=True)


def test_what_a_killed_process_left_is_cleared_by_the_next_one_and_what_another_is_writing_is_not(tmp_path: Path):
    path = tmp_path / "out"
    left = tmp_path / ".out.0123abcd.tmp"
    left.mkdir()
    (left / "out").write_text("half")
    with replacing(path) as other:
        other.write_text("first")
        assert not left.exists()
        with replacing(path) as temporary:
            assert other.exists()
            temporary.write_text("second")
    assert path.read_text() == "first"
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]


def test_a_pipe_is_not_read_alone_or_in_a_folder(tmp_path: Path):
    (tmp_path / "saved").mkdir()
    for path in (tmp_path / "in.csv", tmp_path / "saved" / "state.json"):
        os.mkfifo(path)
        for named in (path, path.parent):
            with pytest.raises(InputError, match=f"{path.name}: is a device, a pipe or a socket; expected a file"):
                check_exists(named)
        path.unlink()
    check_exists(tmp_path)
