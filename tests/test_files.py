import errno
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlhw.files import replacing, write_atomically
from dlhw.process import printing


@given(content=st.one_of(st.binary(), st.text()))
def test_what_is_written_is_read_back(tmp_path_factory, content):
    path = write_atomically(tmp_path_factory.mktemp("files") / "new" / "file", content)
    assert path.read_bytes() == (content.encode() if isinstance(content, str) else content)
    assert list(path.parent.iterdir()) == [path]


def test_a_file_is_replaced(tmp_path):
    path = tmp_path / "file"
    write_atomically(path, "old")
    write_atomically(path, "new")
    assert path.read_text() == "new"


@pytest.mark.parametrize("interruption", [OSError(errno.ENOSPC, "disk full"), KeyboardInterrupt()])
def test_an_interrupted_write_leaves_the_old_content_and_nothing_else(tmp_path, interruption):
    path = tmp_path / "file"
    path.write_text("old")

    def write():
        with replacing(path) as temporary:
            temporary.write_text("ne")
            raise interruption

    with pytest.raises(type(interruption)):
        write()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_disk_running_full_leaves_nothing_half_written(tmp_path, monkeypatch):
    def write_half(self, data):
        with self.open("wb") as file:
            file.write(data[: len(data) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", write_half)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(tmp_path / "file", b"0123456789")
    assert list(tmp_path.iterdir()) == []


def test_the_usual_permissions_apply(tmp_path):
    usual = tmp_path / "usual"
    usual.write_text("")
    assert write_atomically(tmp_path / "file", "").stat().st_mode == usual.stat().st_mode


def test_any_path_is_printed_where_the_locale_knows_ascii_alone(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr("sys.stdout", stream)
    with printing():
        print("m\udcfcll, m\xfcll")
    assert stream.buffer.getvalue() == rb"m\udcfcll, m\xfcll" + b"\n"
