"""Readers on small data in the official layouts, and the prepared form."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ssavl.datasets.mnist import FILES, PLACES
from ssavl.datasets.prepared import Prepared, read_prepared, write_prepared
from ssavl.datasets.readers import read_source
from ssavl.errors import UserError
from ssavl.params.stages import PrepareDataParams
from tests.conftest import image_folder


def write_idx(path: Path, array: np.ndarray) -> None:
    content = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def official_files(root: Path, suffix: str = "", train: int = 12, test: int = 5) -> np.ndarray:
    root.mkdir(parents=True)
    images = np.random.default_rng(0).integers(0, 256, (train + test, 28, 28), dtype=np.uint8)
    labels = (np.arange(train + test) % 10).astype(np.uint8)
    for (image_name, label_name), part in zip(
        FILES, (slice(0, train), slice(train, None)), strict=True
    ):
        write_idx(root / f"{image_name}{suffix}", images[part])
        write_idx(root / f"{label_name}{suffix}", labels[part])
    return images


def prepare(validation: int = 0, **params: object) -> Prepared:
    source = read_source(PrepareDataParams.model_validate(params), seed=0)
    write_prepared(source, Path("prepared"), validation, Path("scratch"))
    return read_prepared(Path("prepared"))


def test_embedded_digits() -> None:
    prepared = prepare(dataset="mnist-10k")
    assert prepared.images.shape == (10_000, 1, 28, 28)
    assert isinstance(prepared.images, np.memmap)
    assert prepared.manifest["splits"] == {"train": 8000, "validation": 0, "test": 2000}
    assert np.bincount(prepared.labels_of("test"), minlength=10).min() > 100
    batches = list(prepared.batches("test", 300))
    assert [len(batch) for batch in batches] == [300] * 6 + [200]
    assert 0 <= batches[0].min() < batches[0].max() <= 1
    assert torch.equal(
        (batches[0] * 255).round().byte(), torch.from_numpy(np.array(prepared.images[8000:8300]))
    )


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("dataset", ["mnist", "fashion-mnist"])
def test_official_files(dataset: str, suffix: str) -> None:
    images = official_files(Path("raw"), suffix)
    prepared = prepare(validation=4, dataset=dataset, root="raw")
    assert np.array_equal(prepared.images[:, 0], images)
    assert prepared.manifest["splits"] == {"train": 8, "validation": 4, "test": 5}
    assert list(prepared.labels_of("validation")) == [8, 9, 0, 1]
    assert prepare(dataset=dataset, root="raw", image_size=32, channels=3).image_shape == (
        3,
        32,
        32,
    )


def test_torchvision_layout_is_found_below_the_root() -> None:
    official_files(Path("raw/MNIST/raw"), ".gz")
    assert len(prepare(dataset="mnist", root="raw").images) == 17


def test_fashion_is_looked_for_where_debian_puts_it(monkeypatch: pytest.MonkeyPatch) -> None:
    debian, torchvision = PLACES["fashion-mnist"]
    assert debian == Path("/usr/share/datasets/fashion-mnist")
    monkeypatch.setitem(PLACES, "fashion-mnist", (Path("debian"), torchvision))
    images = official_files(Path("debian"), ".gz")
    official_files(torchvision, train=3)  # the second place, which the first one goes before
    assert np.array_equal(prepare(dataset="fashion-mnist").images[:, 0], images)


def test_files_that_are_nowhere_are_downloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    def download(root: str, download: bool) -> None:
        assert download
        official_files(Path(root) / "MNIST/raw")

    monkeypatch.setattr("torchvision.datasets.MNIST", download)
    assert len(prepare(dataset="mnist").images) == 17


def test_a_download_that_fails_says_what_to_do_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def download(root: str, download: bool) -> None:
        (Path(root) / "MNIST/raw").mkdir(parents=True)
        raise OSError("no network")

    monkeypatch.setattr("torchvision.datasets.MNIST", download)
    with pytest.raises(UserError, match=r"download failed \(no network\).*prepare-data\.root"):
        prepare(dataset="mnist")
    assert not Path("data").exists()


def test_official_files_that_are_cut_missing_or_foreign() -> None:
    official_files(Path("raw"))
    image_file = Path("raw") / FILES[0][0]
    content = image_file.read_bytes()
    image_file.write_bytes(content[:-100])
    with pytest.raises(UserError, match="cut short"):
        prepare(dataset="mnist", root="raw")
    image_file.write_bytes(b"PNG")
    with pytest.raises(UserError, match="IDX"):
        prepare(dataset="mnist", root="raw")
    image_file.write_bytes(content)
    (Path("raw") / FILES[1][1]).unlink()
    with pytest.raises(UserError, match="all four"):
        prepare(dataset="mnist", root="raw")
    with pytest.raises(UserError, match="does not exist"):
        prepare(dataset="mnist", root="nowhere")


def test_folder_is_cropped_resized_split_and_shuffled_once() -> None:
    image_folder(Path("images"), per_class=10, size=30)
    Image.new("RGB", (60, 40), (255, 0, 0)).save("images/down/wide.jpg")
    prepared = prepare(
        dataset="folder", root="images", image_size=32, class_folders=True, test_fraction=0.2
    )
    assert prepared.image_shape == (3, 32, 32)
    assert prepared.manifest["splits"] == {"train": 25, "validation": 0, "test": 6}
    assert prepared.manifest["classes"] == ["across", "down", "square"]
    again = prepare(
        dataset="folder", root="images", image_size=32, class_folders=True, test_fraction=0.2
    )
    assert again.manifest["sha256"] == prepared.manifest["sha256"]
    assert prepared.labels is not None
    assert (np.diff(prepared.labels) < 0).any()  # not in the order of the folders
    red, green = prepared.images[:, 0], prepared.images[:, 1]
    # The wide one, whose middle fills the square; JPEG is not exact.
    assert ((red > 250) & (green < 5)).all(axis=(1, 2)).sum() == 1
    assert prepare(dataset="folder", root="images", channels=1).image_shape == (1, 64, 64)


def test_files_that_cannot_be_read_are_counted_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    image_folder(Path("images"), per_class=4)
    good = Path("images/down/00.png").read_bytes()
    Path("images/cut.png").write_bytes(good[: len(good) // 2])
    Path("images/text.jpg").write_text("not an image")
    Image.new("L", (300, 300)).save("images/bomb.png")
    # the warning zone: one to two times the limit
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 50_000)
    prepared = prepare(dataset="folder", root="images")
    assert set(prepared.manifest["unreadable"]) == {"cut.png", "text.jpg", "bomb.png"}
    assert "decompression bomb" in prepared.manifest["unreadable"]["bomb.png"]
    assert len(prepared.images) == 12
    assert prepared.labels is None


def test_folders_that_cannot_be_used() -> None:
    Path("empty").mkdir()
    with pytest.raises(UserError, match="no image"):
        prepare(dataset="folder", root="empty")
    with pytest.raises(UserError, match="does not exist"):
        prepare(dataset="folder", root="nowhere")
    with pytest.raises(UserError, match=r"needs prepare-data\.root"):
        prepare(dataset="folder")
    image_folder(Path("images"), per_class=2)
    Image.new("L", (28, 28)).save("images/stray.png")
    with pytest.raises(UserError, match="no class folder"):
        prepare(dataset="folder", root="images", class_folders=True)
    with pytest.raises(UserError, match="leaves none"):
        prepare(validation=100, dataset="folder", root="images")


def test_draws_stay_in_their_split_and_follow_the_generator() -> None:
    official_files(Path("raw"))
    prepared = prepare(validation=4, dataset="mnist", root="raw")
    draw, again = (
        prepared.draws("validation", torch.Generator().manual_seed(0)).real(50) for _ in range(2)
    )
    assert torch.equal(draw, again)
    held_out = torch.from_numpy(np.array(prepared.images[8:12])).float() / 255
    assert all(any(torch.equal(image, other) for other in held_out) for image in draw)


def test_prepared_data_that_are_missing_or_damaged() -> None:
    with pytest.raises(UserError, match="prepare-data"):
        read_prepared(Path("nowhere"))
    official_files(Path("raw"))
    prepare(dataset="mnist", root="raw")
    images = Path("prepared/images.npy")
    images.write_bytes(images.read_bytes()[:-1])
    with pytest.raises(UserError, match="again"):
        read_prepared(Path("prepared"))
