"""What survives a power cut."""

import os

from dcgan_tf1.util import files


def test_what_has_to_survive_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    done, fsync, replace = [], os.fsync, os.replace
    monkeypatch.setattr(os, 'fsync', lambda descriptor: (done.append(('fsync', os.fstat(descriptor).st_ino)),
                                                         fsync(descriptor)))
    monkeypatch.setattr(os, 'replace', lambda source, path: (done.append(('name', os.stat(source).st_ino)),
                                                             replace(source, path)))
    path = str(tmp_path / 'a.json')
    files.write_json(path, {'a': 1})
    number = os.stat(path).st_ino
    assert done == [('fsync', number), ('name', number)]
    done.clear()
    files.write_bytes(path, b'')  # pictures, which can be drawn again
    assert done == [('name', os.stat(path).st_ino)]
