# SPDX-License-Identifier: Apache-2.0
"""Picture files are read as viewers show them, or refused; pictures and labels never disagree silently."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from lib.data.cityscapes import Cityscapes
from lib.data.images import DatasetError, read_image, read_label
from lib.data.picture_file import ORIENTATION
from lib.data.preflight import check

H, W = 6, 10
COLOURS = np.random.default_rng(1).integers(0, 256, (H, W, 3), np.uint8)
GREY = np.random.default_rng(2).integers(0, 256, (H, W), np.uint8)
IDS = np.random.default_rng(3).choice([7, 8, 11, 26], (H, W)).astype(np.uint8)


def turned(array: np.ndarray, number: int) -> np.ndarray:
    """What a viewer shows of `array` under EXIF's orientation `number`."""
    ways = {1: lambda a: a, 2: lambda a: a[:, ::-1], 3: lambda a: a[::-1, ::-1], 4: lambda a: a[::-1],
            5: lambda a: a.swapaxes(0, 1), 6: lambda a: np.rot90(a, -1), 7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
            8: lambda a: np.rot90(a)}  # fmt: skip
    return ways[number](array)


def exif(number: int) -> Image.Exif:
    made = Image.Exif()
    made[ORIENTATION] = number
    return made


@pytest.mark.parametrize("number", range(1, 9))
@pytest.mark.parametrize("ending", ["png", "tif", "jpg", "webp"])
def test_orientation_is_followed(tmp_path, number, ending):
    path = tmp_path / f"a.{ending}"
    lossless = {"png": {}, "tif": {}, "jpg": {"quality": 100, "subsampling": 0}, "webp": {"lossless": True}}[ending]
    blocks = np.kron(COLOURS[:2, :3] // 64 * 80, np.ones((16, 16, 1), np.uint8))  # JPEG keeps these but for rounding
    Image.fromarray(blocks).save(path, exif=exif(number), **lossless)
    read, expected = read_image(path), turned(blocks, number)
    assert read.shape == expected.shape and read.dtype == np.uint8
    assert np.abs(read.astype(int) - expected).max() <= (6 if ending == "jpg" else 0)
    if number != 1:
        with pytest.raises(DatasetError, match=f"a.{ending}.*orientation|a.{ending}.*{number}"):
            read_image(path, upright=True)


def test_grey_palette_and_one_bit_are_as_shown(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(GREY).save(path)
    assert (read_image(path) == GREY[..., None]).all()
    one = Image.fromarray((GREY > 127).astype(np.uint8) * 255).convert("1")
    one.save(path)
    assert (read_image(path) == np.where(GREY > 127, 255, 0)[..., None]).all()
    palette = Image.fromarray(GREY % 5)
    palette.putpalette(list(range(90, 105)))
    palette.save(path)
    assert (read_image(path) == np.arange(90, 105).reshape(5, 3)[GREY % 5]).all()
    palette.save(tmp_path / "a.gif")
    assert (read_image(tmp_path / "a.gif") == np.arange(90, 105).reshape(5, 3)[GREY % 5]).all()


def test_sixteen_bits_are_not_clipped(tmp_path):
    path, values = tmp_path / "a.png", np.linspace(0, 65535, H * W).astype(np.uint16).reshape(H, W)
    Image.fromarray(values).save(path)
    assert np.abs(read_image(path)[..., 0].astype(float) - values / 257).max() <= 1
    Image.fromarray(values).save(tmp_path / "a.tif")
    with pytest.raises(DatasetError, match=r"a\.tif: mode I;16"):
        read_image(tmp_path / "a.tif")


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_is_refused_unless_all_is_opaque(tmp_path, mode):
    path = tmp_path / "a.png"
    alpha = np.full((H, W), 255, np.uint8)
    for lowest in (255, 254, 0):
        alpha[2, 3] = lowest
        if mode == "RGBA":
            image, expected = Image.fromarray(np.dstack([COLOURS, alpha])), COLOURS
        elif mode == "LA":
            image, expected = Image.merge("LA", [Image.fromarray(GREY), Image.fromarray(alpha)]), GREY[..., None]
        else:
            image = Image.fromarray(np.where(alpha < 255, 1, 0).astype(np.uint8))
            image.putpalette([9, 9, 9, 200, 0, 0])
            image.info["transparency"] = bytes([255, lowest])
            expected = np.full((H, W, 1), 9)
        image.save(path)
        if lowest == 255:
            assert (read_image(path) == expected).all()
        else:
            with pytest.raises(DatasetError, match="a.png: partly transparent"):
                read_image(path)


def test_a_transparent_colour_of_an_rgb_picture_counts(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(COLOURS).save(path, transparency=tuple(map(int, COLOURS[0, 0])))
    with pytest.raises(DatasetError, match="partly transparent"):
        read_image(path)


def test_what_viewers_show_differently_is_refused(tmp_path):
    Image.fromarray(np.dstack([COLOURS, GREY]), "CMYK").save(tmp_path / "a.jpg")
    Image.fromarray(GREY.astype(np.float32)).save(tmp_path / "b.tif")
    Image.fromarray(GREY.astype(np.int32) * 1000).save(tmp_path / "c.tif")
    for name, mode in (("a.jpg", "CMYK"), ("b.tif", "F"), ("c.tif", "I")):
        with pytest.raises(DatasetError, match=f"{name}: mode {mode} "):
            read_image(tmp_path / name)
    frames = [Image.fromarray(each) for each in (COLOURS, COLOURS[::-1])]
    for name in ("d.gif", "d.png", "d.webp", "d.tif"):
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:])
        with pytest.raises(DatasetError, match=f"{name}: 2 pictures in one file"):
            read_image(tmp_path / name)
    frames[0].save(tmp_path / "e.mpo", save_all=True, append_images=frames[1:], quality=100, subsampling=0)
    assert read_image(tmp_path / "e.mpo").shape == (H, W, 3)  # a camera's picture with its preview


def test_folders_other_files_and_broken_ones_are_named(tmp_path):
    (tmp_path / "a.png").mkdir()
    (tmp_path / "b.png").write_text("no picture")
    (tmp_path / "c.png").write_bytes(b"")
    Image.fromarray(COLOURS).save(tmp_path / "d.png")
    whole = (tmp_path / "d.png").read_bytes()
    for read in (read_image, read_label):
        for name, told in (("a", "a folder"), ("b", "not a picture"), ("c", "not a picture"), ("no", "no such file")):
            with pytest.raises(DatasetError, match=rf"{name}\.png: {told}"):
                read(tmp_path / f"{name}.png")
    refused = 0
    for length in range(len(whole)):
        (tmp_path / "e.png").write_bytes(whole[:length])
        try:  # checksums and the end mark alone may be missing
            assert (read_image(tmp_path / "e.png") == COLOURS).all()
        except DatasetError as error:
            assert "e.png" in str(error)
            refused += 1
    assert refused >= len(whole) - 24
    for place in range(len(whole)):
        spoiled = bytearray(whole)
        spoiled[place] ^= 0x55
        (tmp_path / "f.png").write_bytes(spoiled)
        try:
            read_image(tmp_path / "f.png")
        except DatasetError as error:
            assert "f.png" in str(error)


def test_too_many_pixels_are_told(tmp_path, monkeypatch):
    Image.fromarray(COLOURS).save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 5)
    with pytest.raises(DatasetError, match="a.png"):
        read_image(tmp_path / "a.png")


def png(path, depth: int, values: np.ndarray, exif_bytes: bytes = b"") -> None:
    """A grey PNG of fewer than 8 bits, which Pillow does not write."""
    import struct
    import zlib

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    bits = np.unpackbits(values[..., None], axis=-1)[..., -depth:].reshape(len(values), -1)
    rows = b"".join(b"\0" + np.packbits(row).tobytes() for row in bits)
    head = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], depth, 0, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_labels_of_few_grey_bits_are_refused_not_stretched(tmp_path, depth):
    path, values = tmp_path / "a.png", (IDS % 2**depth).astype(np.uint8)
    png(path, depth, values)
    with pytest.raises(DatasetError, match=f"a.png.*{depth} bits|a.png.*mode 1"):
        read_label(path)
    palette = Image.fromarray(values)
    palette.putpalette(list(range(3 * 2**depth)))
    palette.save(path, bits=depth)
    assert (read_label(path) == values).all()  # numbers of a palette's colours are stored as they are


def test_labels_must_be_as_stored(tmp_path):
    labels = Image.fromarray(IDS)
    labels.save(tmp_path / "a.png", exif=exif(3))
    labels.save(tmp_path / "b.png", "JPEG")
    labels.save(tmp_path / "c.png", save_all=True, append_images=[Image.fromarray(IDS[::-1])])
    Image.fromarray(IDS.astype(np.uint16)).save(tmp_path / "d.png")
    Image.fromarray(COLOURS).save(tmp_path / "e.png")
    told = {"a": "orientation", "b": "JPEG changes", "c": "2 pictures", "d": "16 bits", "e": "mode RGB"}
    for name, text in told.items():
        with pytest.raises(DatasetError, match=rf"{name}\.png.*{text}"):
            read_label(tmp_path / f"{name}.png")
    labels.save(tmp_path / "f.png", pnginfo=PngImagePlugin.PngInfo())
    assert (read_label(tmp_path / "f.png") == IDS).all()


def tree(root, image: Image.Image, label: Image.Image, **more):
    picture = root / "leftImg8bit" / "train" / "aa" / "aa_000000_000000_leftImg8bit.png"
    truth = root / "gtFine" / "train" / "aa" / "aa_000000_000000_gtFine_labelIds.png"
    for path, each in ((picture, image), (truth, label)):
        path.parent.mkdir(parents=True, exist_ok=True)
        each.save(path, **more.get(path.parent.parts[-3], {}))
    return root


@pytest.mark.parametrize("part", ["leftImg8bit", "gtFine"])
@pytest.mark.parametrize("number", [2, 3, 6])
def test_a_turned_picture_or_label_never_meets_its_partner(tmp_path, part, number):
    root = tree(tmp_path, Image.fromarray(COLOURS), Image.fromarray(IDS), **{part: {"exif": exif(number)}})
    dataset = Cityscapes(root, "leftImg8bit_train")
    with pytest.raises(DatasetError, match="orientation"):
        dataset.pair(dataset.records[0])
    report = check(root, splits=["train"])
    assert not report.usable and any("orientation" in each.detail for each in report.findings)


@pytest.mark.parametrize(("image", "fault"), [
    (Image.fromarray(GREY.astype(np.uint16) * 200), "picture is not 8-bit RGB"),
    (Image.fromarray(GREY), "picture is not 8-bit RGB"),
    (Image.fromarray(np.dstack([COLOURS, np.full_like(GREY, 255)])), "picture is not 8-bit RGB"),
    (Image.fromarray(np.dstack([COLOURS, GREY])), "broken picture"),
])  # fmt: skip
def test_check_data_tells_kinds_of_pictures(tmp_path, image, fault):
    report = check(tree(tmp_path, image, Image.fromarray(IDS)), splits=["train"])
    assert [each.fault for each in report.findings if each.level == "error"] == [fault]
    assert check(tree(tmp_path, Image.fromarray(COLOURS), Image.fromarray(IDS)), splits=["train"]).usable


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_part_of_a_published_split_is_told(tmp_path, split):
    """The number of pictures is compared as soon as one of the published cities is there, whichever it is."""
    for city in ("frankfurt", "lindau"):
        path = tmp_path / "leftImg8bit" / split / city / f"{city}_000000_000000_leftImg8bit.png"
        path.parent.mkdir(parents=True)
        Image.fromarray(COLOURS).save(path)
    faults = [each.fault for each in check(tmp_path).findings]
    assert "not the published number of pictures" in faults
