"""Every reader of pictures sees what a viewer shows, whichever way the file says it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

from ssavl.datasets.factor_table import FactorTable
from ssavl.errors import UserError
from ssavl.images.batch import as_batch
from ssavl.images.stream import ImageStream
from tests.conftest import invoke

SIDE = 32
RAMP = np.tile((np.arange(SIDE) * 255 / (SIDE - 1)).round().astype(np.uint8), (SIDE, 1))
TURNED = {  # by EXIF: how the upright picture lies in the file
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
# left half drawn, right half transparent over black: on white paper the right half is white
DRAWN = np.where(np.arange(SIDE) < SIDE // 2, RAMP, 255).astype(np.uint8)

Kind = Callable[[Path], NDArray[np.uint8]]  # writes a file, and says what it shows
KINDS: dict[str, tuple[str, Kind]] = {}


def kind(name: str, ending: str) -> Callable[[Kind], Kind]:
    def known(write: Kind) -> Kind:
        KINDS[name] = (ending, write)
        return write

    return known


def _turned(orientation: int, ending: str) -> None:
    @kind(f"exif {orientation} {ending}", ending)
    def write(path: Path) -> NDArray[np.uint8]:
        exif = Image.Exif()
        exif[0x0112] = orientation
        options: dict[str, Any] = {"lossless": True} if ending == ".webp" else {}
        Image.fromarray(RAMP).transpose(TURNED[orientation]).save(path, exif=exif, **options)
        return RAMP


for number in TURNED:
    _turned(number, ".png")
_turned(6, ".tif")
_turned(8, ".webp")


def _deep(ending: str, **tags: int) -> None:
    @kind(f"16 bits {ending} {tags}", ending)
    def write(path: Path) -> NDArray[np.uint8]:
        directory = TiffImagePlugin.ImageFileDirectory_v2()
        for number in tags.values():
            directory[262] = number
        options: dict[str, Any] = {"tiffinfo": directory} if tags else {}
        Image.fromarray(RAMP.astype(np.uint16) * 257).save(path, **options)
        return 255 - RAMP if tags.get("photometric") == 0 else RAMP


_deep(".png")
_deep(".tiff")
_deep(".pgm")
_deep(".tif", photometric=0)


@kind("16 bits, turned", ".png")
def _(path: Path) -> NDArray[np.uint8]:
    exif = Image.Exif()
    exif[0x0112] = 3
    Image.fromarray(RAMP[::-1, ::-1].astype(np.uint16) * 257).save(path, exif=exif)
    return RAMP


@kind("16 bits, one value transparent", ".png")
def _(path: Path) -> NDArray[np.uint8]:
    Image.fromarray(RAMP.astype(np.uint16) * 257).save(path, transparency=0)
    return np.where(RAMP == 0, 255, RAMP).astype(np.uint8)


@kind("floats", ".tif")
def _(path: Path) -> NDArray[np.uint8]:
    Image.fromarray(RAMP.astype(np.float32) / 255).save(path)
    return RAMP


def _transparent(mode: str, ending: str) -> None:
    @kind(f"transparent {mode} {ending}", ending)
    def write(path: Path) -> NDArray[np.uint8]:
        alpha = np.where(np.arange(SIDE) < SIDE // 2, 255, 0).astype(np.uint8)
        colours = np.where(alpha > 0, RAMP, 0).astype(np.uint8)
        image = Image.fromarray(colours).convert(mode)
        image.putalpha(Image.fromarray(np.broadcast_to(alpha, (SIDE, SIDE)).copy()))
        options: dict[str, Any] = {"lossless": True} if ending == ".webp" else {}
        image.save(path, **options)
        return DRAWN


_transparent("L", ".png")
_transparent("RGB", ".png")
_transparent("RGB", ".tif")
_transparent("RGB", ".webp")


def _keyed(mode: str) -> None:
    @kind(f"transparent colour {mode}", ".png")
    def write(path: Path) -> NDArray[np.uint8]:
        clear: int | tuple[int, ...] = 0 if mode != "RGB" else (0, 0, 0)
        Image.fromarray(RAMP).convert(mode).save(path, transparency=clear)
        return np.where(RAMP == 0, 255, RAMP).astype(np.uint8)


_keyed("L")
_keyed("RGB")


@kind("transparent palette", ".gif")
def _(path: Path) -> NDArray[np.uint8]:
    Image.fromarray(RAMP).save(path, transparency=0)
    return np.where(RAMP == 0, 255, RAMP).astype(np.uint8)


def _several(ending: str) -> None:
    @kind(f"several {ending}", ending)
    def write(path: Path) -> NDArray[np.uint8]:
        others = [Image.fromarray(255 - RAMP), Image.fromarray(RAMP // 2)]
        options: dict[str, Any] = {"lossless": True} if ending == ".webp" else {}
        Image.fromarray(RAMP).save(path, save_all=True, append_images=others, **options)
        return RAMP


for suffix in (".gif", ".tif", ".png", ".webp"):
    _several(suffix)


@kind("one bit", ".png")
def _(path: Path) -> NDArray[np.uint8]:
    shown = np.where(RAMP > 100, 255, 0).astype(np.uint8)
    Image.fromarray(shown).convert("1").save(path)
    return shown


@kind("inks", ".tif")
def _(path: Path) -> NDArray[np.uint8]:
    Image.fromarray(RAMP).convert("RGB").convert("CMYK").save(path)
    return RAMP


def by_stream(path: Path, background: str) -> NDArray[np.float32]:
    _, images = next(ImageStream([path], (1, SIDE, SIDE), background).batches(1))
    return images[0, 0].numpy() * 255


def by_folder(path: Path, background: str) -> NDArray[np.float32]:
    folder = path.parent / "folder"
    for name in ("a", "b"):
        (folder / name).mkdir(parents=True)
        (folder / name / path.name).write_bytes(path.read_bytes())
    options = ["--image-size", str(SIDE), "--channels", "1", "--background", background]
    invoke("prepare-data", "--dataset", "folder", "--root", folder, "--out", "prepared", *options)
    images = np.load("prepared/images.npy")
    assert np.array_equal(images[0], images[1])
    return images[0, 0].astype(np.float32)


def by_table(path: Path, background: str) -> NDArray[np.float32]:
    if background != "white":
        pytest.skip("images with factors lie on white")
    table = path.with_suffix(".csv")
    table.write_text(f"file,factor\n{path.name},1\n")
    return FactorTable(table, None, (1, SIDE, SIDE)).take(np.array([0]))[0, 0].astype(np.float32)


def by_python(path: Path, background: str) -> NDArray[np.float32]:
    if background != "white":
        pytest.skip("a person lays an image over another colour before")
    return as_batch(Image.open(path), (1, SIDE, SIDE))[0, 0].numpy().astype(np.float32)


READERS = {"stream": by_stream, "folder": by_folder, "table": by_table, "python": by_python}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", KINDS)
def test_what_is_read_is_what_is_shown(reader: str, name: str) -> None:
    ending, write = KINDS[name]
    path = Path(f"picture{ending}").absolute()
    shown = write(path)
    found = READERS[reader](path, "white")
    assert np.abs(found - shown).max() <= 1.5  # of 255: roundings of colour spaces


@pytest.mark.parametrize("reader", READERS)
def test_transparent_pixels_lie_on_the_background_that_is_asked_for(reader: str) -> None:
    path = Path("drawn.png").absolute()
    KINDS["transparent RGB .png"][1](path)
    found = READERS[reader](path, "#404040")
    assert np.abs(found[:, SIDE // 2 :] - 0x40).max() <= 1


def _text(path: Path) -> None:
    path.write_text("no picture")


UNREADABLE: dict[str, tuple[str, Callable[[Path], None], str]] = {
    "floats to 255": (
        ".tif",
        lambda path: Image.fromarray(RAMP.astype(np.float32)).save(path),
        "no known range",
    ),
    "floats that are none": (
        ".tif",
        lambda path: Image.fromarray(np.full((SIDE, SIDE), np.nan, np.float32)).save(path),
        "no known range",
    ),
    "32 bits": (
        ".tif",
        lambda path: Image.fromarray(RAMP.astype(np.int32) * 100000).save(path),
        "no known range",
    ),
    "text": (".png", _text, "cannot identify"),
    "nothing": (".jpg", lambda path: path.touch(), "cannot identify"),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", UNREADABLE)
def test_what_nobody_can_read_is_named_with_a_reason(reader: str, name: str) -> None:
    ending, write, reason = UNREADABLE[name]
    path = Path(f"picture{ending}").absolute()
    write(path)
    if reader == "folder":
        for other in "ab":
            KINDS["one bit"][1](path.parent / f"{other}.png")
        root = ("--dataset", "folder", "--root", ".", "--out", "prepared")
        out = invoke("prepare-data", *root).output
        assert path.name in out
        assert re.search(reason, out)
        return
    if reader == "python" and reason == "cannot identify":
        return  # Pillow has refused before it is ours
    with pytest.raises(UserError, match=reason):
        READERS[reader](path, "white")


def test_what_was_done_with_pictures_is_said() -> None:
    folder = Path("photos")
    folder.mkdir()
    KINDS["several .gif"][1](folder / "moving.gif")
    Image.new("RGB", (64, 48)).save(folder / "colour.png")
    Image.new("RGB", (64, 48)).save(folder / ".hidden.png")
    (folder / "notes.txt").write_text("-")
    (folder / "phone.heic").write_text("-")
    stream = ImageStream([folder], (1, 28, 28))
    names, _ = next(stream.batches(10))
    assert len(names) == 2
    assert stream.notes.lines() == [
        "skipped 2 files that are no images: 1 .heic, 1 .txt",
        f"took the first picture alone of 1 files that hold several: {folder / 'moving.gif'}",
        "made 28 x 28 grey of other pictures: 1 of 32 x 32 colour, 1 of 64 x 48 colour",
    ]


def prepared(*arguments: str | int) -> dict[str, Any]:
    result = invoke("prepare-data", *map(str, arguments), "--json")
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_train_and_test_are_splits_and_not_classes() -> None:
    for split, count in (("train", 6), ("test", 3)):
        for name in ("cat", "dog"):
            folder = Path("photos", split, name)
            folder.mkdir(parents=True)
            for i in range(count):
                Image.new("L", (16, 16), 200 if split == "test" else i).save(folder / f"{i}.png")
    root = ("--dataset", "folder", "--root", "photos", "--image-size", 16, "--channels", 1)
    manifest = prepared(*root, "--class-folders", "--out", "p")
    assert manifest["splits"] == {"train": 12, "validation": 0, "test": 6}
    assert manifest["classes"] == ["cat", "dog"]
    assert (np.load("p/images.npy")[12:] == 200).all()
    manifest = prepared(*root, "--limit", 6, "--out", "q")
    assert manifest["splits"] == {"train": 4, "validation": 0, "test": 2}


def test_hidden_folders_hold_no_images() -> None:
    for name in ("seen", ".cache", "__MACOSX", "seen/.thumbnails"):
        Path("photos", name).mkdir(parents=True)
        for i in range(3):
            Image.new("L", (16, 16), i).save(Path("photos", name, f"{i}.png"))
    manifest = prepared("--dataset", "folder", "--root", "photos", "--out", "p")
    assert sum(manifest["splits"].values()) == 3
