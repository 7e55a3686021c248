"""Readers of data that nobody may pass on, or that are too large to: on small data in the official
layouts; and preparations that are large, or were stopped.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ssavl.datasets import celeba, chairs, cifar10, faces_3d, imagenet_64, shapes3d
from ssavl.datasets.drawn import shares
from ssavl.datasets.prepared import Prepared, read_prepared, write_prepared
from ssavl.datasets.readers import FACTORS, READERS, read_factor_images, read_source
from ssavl.datasets.source import Chunk, Source
from ssavl.errors import UserError
from ssavl.images.listing import Files, image_files
from ssavl.params.data_sets import DATA_SETS
from ssavl.params.stages import PrepareDataParams
from tests.conftest import image_folder, invoke
from tests.processes import environment

RNG = np.random.default_rng(0)


def picture(path: Path, width: int, height: int, colour: tuple[int, int, int]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (width, height), colour).save(path)


def make_celeba(root: Path, count: int = 12) -> None:
    rows, split = [], []
    for n in range(1, count + 1):
        picture(root / celeba.IMAGES / f"{n:06}.jpg", 178, 218, (20 * n, 0, 255 - 20 * n))
        split.append(f"{n:06}.jpg {0 if n <= count - 4 else 1 if n <= count - 2 else 2}")
        rows.append(f"{n:06}.jpg  {1 if n % 2 else -1} {-1 if n % 3 else 1}")
    (root / celeba.PARTITION).write_text("\n".join(split) + "\n")
    (root / celeba.ATTRIBUTES).write_text(f"{count}\nMale Smiling \n" + "\n".join(rows) + "\n")


def make_chairs(root: Path) -> None:
    for model in ("a1", "b2", "c3"):
        for p in (20, 30):
            for n, t in enumerate((11, 23, 34)):
                name = f"image_{n:03}_p{p:03}_t{t:03}_r096.png"
                place = root / chairs.FOLDER / model / "renders" / name
                picture(place, 600, 600, (t, p, ord(model[0])))
    (root / chairs.FOLDER / "all_chair_names.mat").write_bytes(b"MATLAB")


def make_faces(root: Path) -> None:
    root.mkdir(parents=True, exist_ok=True)
    shape = (3, 4, 2, 2, 64, 64)
    torch.save(torch.from_numpy(RNG.integers(0, 256, shape, np.uint8)), root / faces_3d.OFFICIAL)


def make_imagenet(root: Path) -> None:
    for name in ("n01", "n02"):
        for n in range(6):
            picture(root / "train" / name / f"{name}_{n}.JPEG", 90, 70, (10 * n, 0, 0))
        for n in range(2):
            picture(root / "val" / name / f"ILSVRC2012_val_{name}{n}.JPEG", 70, 90, (0, 0, 9))


def make_imagenet_64(root: Path) -> None:
    root.mkdir(parents=True, exist_ok=True)
    for name, n in (("train_data_batch_1", 5), ("train_data_batch_10", 3), ("val_data", 4)):
        pixels = RNG.integers(0, 256, (n, imagenet_64.PIXELS), np.uint8)
        np.savez(root / f"{name}.npz", data=pixels, labels=np.arange(1, n + 1))


def make_cifar10(root: Path, version: str = cifar10.BINARY) -> np.ndarray:
    folder = root / version
    folder.mkdir(parents=True, exist_ok=True)
    pixels = RNG.integers(0, 256, (24, cifar10.PIXELS), np.uint8)
    for part, name in enumerate((*cifar10.TRAIN, cifar10.TEST)):
        own, labels = pixels[4 * part : 4 * part + 4], np.arange(4) + part
        if version == cifar10.BINARY:
            rows = np.concatenate([labels[:, None].astype(np.uint8), own], axis=1)
            (folder / f"{name}.bin").write_bytes(rows.tobytes())
        else:
            told = {b"data": own, b"labels": labels.tolist(), b"batch_label": b"1"}
            (folder / name).write_bytes(pickle.dumps(told, protocol=2))
    return pixels


def make_shapes3d(root: Path) -> None:
    h5py = pytest.importorskip("h5py")
    root.mkdir(parents=True, exist_ok=True)
    sizes = (2, 2, 2, 2, 4, 3)
    classes = np.stack(np.unravel_index(np.arange(np.prod(sizes)), sizes), axis=1)
    with h5py.File(root / shapes3d.OFFICIAL, "w") as file:
        images = np.zeros((len(classes), 64, 64, 3), np.uint8)
        images[:, 0, :6, 0] = np.repeat(classes, 1, axis=0)
        file["images"] = images
        file["labels"] = classes * 0.1


MAKERS: dict[str, Callable[[Path], object]] = {
    "celeba": make_celeba,
    "chairs": make_chairs,
    "faces-3d": make_faces,
    "imagenet": make_imagenet,
    "imagenet-64": make_imagenet_64,
    "cifar10": make_cifar10,
    "shapes3d": make_shapes3d,
}
SPLITS = {
    "celeba": (8, 2, 2),
    "chairs": (16, 0, 2),
    "faces-3d": (43, 0, 5),
    "imagenet": (12, 0, 4),
    "imagenet-64": (8, 0, 4),
    "cifar10": (20, 0, 4),
    "shapes3d": (173, 0, 19),
}


def prepare(**params: object) -> Prepared:
    source = read_source(PrepareDataParams.model_validate(params), seed=0)
    write_prepared(source, Path("prepared"), 0, Path("scratch"))
    return read_prepared(Path("prepared"))


def test_every_data_set_has_a_reader_and_every_other_a_test_here() -> None:
    assert list(DATA_SETS) == list(READERS)
    elsewhere = {"mnist-10k", "mnist", "fashion-mnist", "dsprites", "rooms", "folder"}
    assert set(MAKERS) == set(SPLITS) == set(READERS) - elsewhere


@pytest.mark.parametrize("name", MAKERS)
def test_a_small_copy_in_the_official_layout(name: str) -> None:
    MAKERS[name](Path("raw"))
    found = prepare(dataset=name, root="raw")
    assert tuple(found.manifest["splits"].values()) == SPLITS[name]
    assert found.manifest["dataset"] == name
    assert found.image_shape[1:] == ((32, 32) if name == "cifar10" else (64, 64))
    again = prepare(dataset=name, root="raw")
    assert again.manifest == found.manifest
    small = prepare(dataset=name, root="raw", image_size=16, channels=1, limit=12)
    assert small.images.shape == (12, 1, 16, 16)


@pytest.mark.parametrize("name", MAKERS)
def test_what_is_missing_is_said_with_where_it_comes_from(name: str) -> None:
    with pytest.raises(UserError) as said:
        read_source(PrepareDataParams(dataset=name), seed=0)
    assert "https://" in str(said.value) or "ask its authors" in str(said.value)
    Path("empty").mkdir()
    for root in ("nowhere", "empty"):
        with pytest.raises(UserError, match=root):
            read_source(PrepareDataParams(dataset=name, root=root), seed=0)


@pytest.mark.parametrize("name", sorted(set(FACTORS) & set(MAKERS)))
def test_factors_of_an_official_layout(name: str) -> None:
    MAKERS[name](Path("raw"))
    data = read_factor_images(name, Path("raw"), (3, 64, 64))
    index = np.arange(0, len(data), 3)
    images = data.take(index)
    assert images.shape == (len(index), 3, 64, 64)
    assert all(len(own.values) == own.size for own in data.factors)
    if name == "celeba":
        assert [factor.name for factor in data.factors] == ["Male", "Smiling"]
        assert data.classes(np.arange(4)).tolist() == [[1, 0], [0, 0], [1, 1], [0, 0]]
        return
    assert np.array_equal(data.locate(data.classes(index)), index)
    if name == "chairs":
        sizes = {factor.name: factor.size for factor in data.factors}
        assert sizes == {"model": 3, "elevation": 2, "azimuth": 3}
        azimuth = data.factors[2].values
        assert np.abs(images[:, 0, 0, 0] - np.array(azimuth)[data.classes(index)[:, 2]]).max() == 0
    if name == "shapes3d":
        assert np.array_equal(images[:, 0, 0, :6], data.classes(index))


def test_celeba_is_cut_to_the_usual_square() -> None:
    make_celeba(Path("raw"))
    image = Image.new("RGB", (178, 218), (255, 0, 0))
    image.paste((0, 0, 255), (15, 35, 163, 183))  # the middle 148 x 148
    image.save("raw/img_align_celeba/000001.png")
    Path("raw/img_align_celeba/000001.png").rename("raw/img_align_celeba/000001.jpg")
    found = prepare(dataset="celeba", root="raw")
    blue = (found.images[:, 2] > 250).all(axis=(1, 2)) & (found.images[:, 0] < 5).all(axis=(1, 2))
    assert blue.sum() == 1
    whole = prepare(dataset="celeba", root="raw", crop=178)
    assert (
        (whole.images[:, 0] > 250).any(axis=(1, 2)) & (whole.images[:, 2] > 250).any((1, 2))
    ).any()


def test_celeba_that_is_not_all_there() -> None:
    make_celeba(Path("raw"))
    Path("raw/img_align_celeba/000003.jpg").unlink()
    with pytest.raises(UserError, match=r"lacks 1 of the 12 images .*000003\.jpg"):
        prepare(dataset="celeba", root="raw")
    make_celeba(Path("raw"))
    Path("raw/list_eval_partition.txt").write_text("000001.jpg 7\n")
    with pytest.raises(UserError, match="line 1"):
        prepare(dataset="celeba", root="raw")
    make_celeba(Path("raw"))
    source = read_source(PrepareDataParams(dataset="celeba", root="raw"), seed=0)
    with pytest.raises(UserError, match="validation split of its own"):
        write_prepared(source, Path("prepared"), 3, Path("scratch"))


@pytest.mark.parametrize("version", [cifar10.BINARY, cifar10.PYTHON])
def test_both_versions_of_cifar10_hold_the_same(version: str) -> None:
    pixels = make_cifar10(Path("raw"), version)
    found = prepare(dataset="cifar10", root="raw")
    assert np.array_equal(found.images, pixels.reshape(-1, 3, 32, 32))
    assert found.labels is not None
    assert found.labels[:6].tolist() == [0, 1, 2, 3, 1, 2]


def test_a_pickle_that_would_run_something_does_not() -> None:
    make_cifar10(Path("raw"), cifar10.PYTHON)

    class Hostile:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, ("ran",)

    Path("raw/cifar-10-batches-py/data_batch_3").write_bytes(pickle.dumps(Hostile()))
    with pytest.raises(UserError, match=r"posix\.mkdir, which no batch holds"):
        prepare(dataset="cifar10", root="raw")
    assert not Path("ran").exists()


def test_kaggles_layout_of_imagenet() -> None:
    make_imagenet(Path("raw/ILSVRC/Data/CLS-LOC"))
    val = Path("raw/ILSVRC/Data/CLS-LOC/val")
    rows = ["ImageId,PredictionString"]
    for path in sorted(val.glob("*/*")):
        rows.append(f"{path.stem},{path.parent.name} 1 2 3 4")
        path.rename(val / path.name)
    for folder in [own for own in val.iterdir() if own.is_dir()]:
        folder.rmdir()
    with pytest.raises(UserError, match="sort them"):
        prepare(dataset="imagenet", root="raw")
    Path("raw/LOC_val_solution.csv").write_text("\n".join(rows))
    found = prepare(dataset="imagenet", root="raw")
    assert sorted(found.labels_of("test")) == [0, 0, 1, 1]


def test_shares_of_splits_are_in_proportion() -> None:
    assert shares((800, 100, 100), 10) == (8, 1, 1)
    assert shares((98, 1, 1), 10) == (8, 1, 1)
    assert shares((5, 5), None) == (5, 5)


def test_files_are_listed_like_paths() -> None:
    for name in ("b/x.png", "a-b/x.png", "a/x.png", ".hidden/x.png", "a/.x.png", "a/y.txt"):
        picture(Path("root") / name, 8, 8, (0, 0, 0)) if name.endswith("png") else (
            Path("root") / name
        ).write_text("")
    files, others = image_files(Path("root"))
    assert list(files) == sorted(Path("root").rglob("[!.]*.png"))[-3:]
    assert [own.name for own in files.at(np.array([2, 0]))] == ["x.png", "x.png"]
    assert others == {".txt": 1}
    before = files.digest()
    picture(Path("root/a/x.png"), 9, 9, (1, 2, 3))
    assert image_files(Path("root"))[0].digest() != before
    odd = Files(Path("root"), ["\udcff.png", "é" * 90])
    assert [path.name for path in odd] == ["\udcff.png", "é" * 90]


class Counted:
    """Images that say their place, some of which cannot be read; it may be stopped in the midst."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.stop_at, self.taken = stop_at, 0

    def __call__(self, start: int, stop: int) -> Chunk:
        if self.stop_at is not None and stop > self.stop_at:
            raise KeyboardInterrupt
        self.taken += stop - start
        places = [place for place in range(start, stop) if place % 7]
        lost = {place: (f"{place}.png", "cut") for place in range(start, stop) if not place % 7}
        pixels = np.zeros((len(places), 1, 64, 64), np.uint8)
        pixels[:, 0, 0, 0], pixels[:, 0, 0, 1] = np.array(places) % 256, np.array(places) // 256
        return Chunk(pixels, lost)


def counted(take: Counted) -> Source:
    return Source("counted", (1, 64, 64), (5000,), take, test_fraction=0.1)


def test_a_preparation_that_is_stopped_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ssavl.datasets.preparation.PAUSE", -1.0)  # each chunk is recorded
    whole = write_prepared(counted(Counted()), Path("whole"), 0, Path("x/one"))
    assert not Path("x").exists()
    with pytest.raises(KeyboardInterrupt):
        write_prepared(counted(Counted(3000)), Path("p"), 0, Path("two"))
    assert not Path("p").exists()
    with Path("two/images.npy").open("ab") as file:
        file.write(b"half an image")  # what a kill leaves after the last record
    rest = Counted()
    assert write_prepared(counted(rest), Path("p"), 0, Path("two")) == whole
    assert 0 < rest.taken < 3000
    assert Path("p/images.npy").read_bytes() == Path("whole/images.npy").read_bytes()
    assert whole["splits"] == {"train": 3857, "validation": 0, "test": 428}
    assert len(whole["unreadable"]) == 715


def test_progress_that_does_not_fit_its_images_is_not_believed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ssavl.datasets.preparation.PAUSE", -1.0)
    whole = write_prepared(counted(Counted()), Path("whole"), 0, Path("x/one"))
    with pytest.raises(KeyboardInterrupt):
        write_prepared(counted(Counted(3000)), Path("p"), 0, Path("two"))
    os.truncate("two/images.npy", 5000)
    assert write_prepared(counted(Counted()), Path("p"), 0, Path("two")) == whole


def test_a_class_whose_every_file_is_lost_is_no_class() -> None:
    image_folder(Path("images"), per_class=3)
    for path in Path("images/down").iterdir():
        path.write_text("nothing")
    found = prepare(dataset="folder", root="images", class_folders=True)
    assert found.manifest["classes"] == ["across", "square"]
    assert found.labels is not None
    assert set(found.labels.tolist()) == {0, 1}


@pytest.mark.slow
def test_several_processes_and_a_kill_leave_the_same_bytes(tmp_path: Path) -> None:
    photographs = tmp_path / "photographs"
    photographs.mkdir()
    for n in range(60):
        pixels = RNG.integers(0, 256, (90, 80, 3), np.uint8)
        Image.fromarray(pixels).save(photographs / f"{n}.jpg")
    for n in range(60, 9000):
        os.link(photographs / f"{n % 60}.jpg", photographs / f"{n}.jpg")
    (photographs / "100.jpg").unlink()
    (photographs / "100.jpg").write_text("no picture")
    arguments = ("prepare-data", "--dataset", "folder", "--root", str(photographs))
    assert invoke(*arguments, "--workers", "0", "--out", "alone").exit_code == 0
    command = [sys.executable, "-m", "ssavl", *arguments, "--workers", "2", "--out", "killed"]
    process = subprocess.Popen(command, env=environment(), start_new_session=True)
    deadline = time.monotonic() + 60
    while not list(Path(".ssavl").glob("prepare-data-*/progress.json")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not Path("killed/images.npy").exists()
    subprocess.run(command, env=environment(), check=True, capture_output=True)
    for name in ("images.npy", "manifest.json"):
        assert (Path("killed") / name).read_bytes() == (Path("alone") / name).read_bytes()
    assert not Path(".ssavl").exists()
