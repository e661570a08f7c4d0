from __future__ import annotations

from pathlib import Path

import pytest

from sapnet.proposals.sources import open_images


def test_a_folder(tmp_path: Path) -> None:
    source = open_images(tmp_path)
    assert source.local_folder == tmp_path
    assert source.locate("a/b.jpg") == tmp_path / "a/b.jpg"


def test_object_storage() -> None:
    source = open_images("s3://bucket/photos/")
    assert source.local_folder is None
    assert source.locate("a/b.jpg") == "s3://bucket/photos/a/b.jpg"


def test_a_manifest(tmp_path: Path) -> None:
    manifest = tmp_path / "images.csv"
    manifest.write_text(
        'location,file_name,note\ns3://one/x.jpg,a.jpg,\nsub/y.jpg,"b, c.jpg",seen\n'
    )
    source = open_images(manifest)
    assert source.local_folder is None
    assert source.locate("a.jpg") == "s3://one/x.jpg"
    assert source.locate("b, c.jpg") == tmp_path / "sub/y.jpg"
    with pytest.raises(FileNotFoundError, match=r"d.jpg: not in the manifest.* lists 2 names"):
        source.locate("d.jpg")


def test_wrong_manifests(tmp_path: Path) -> None:
    path = tmp_path / "images.csv"
    path.write_text("name,place\na,b\n")
    with pytest.raises(ValueError, match="columns file_name, location, found name, place"):
        open_images(path)
    path.write_text("file_name,location\na,b\na,c\n")
    with pytest.raises(ValueError, match=r"the name a occurs twice"):
        open_images(path)
