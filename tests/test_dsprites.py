"""dSprites as generated and as read, and tables of factors."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ssavl.datasets.dsprites import (
    FACTORS,
    NAMES,
    OFFICIAL,
    SIZE,
    DSprites,
    OfficialDSprites,
    sprites,
)
from ssavl.datasets.factor_table import FactorTable
from ssavl.datasets.factors import FactorImages
from ssavl.datasets.prepared import read_prepared, write_prepared
from ssavl.datasets.readers import read_factor_images, read_source
from ssavl.datasets.sprite import AREAS, SIDE, rasterise
from ssavl.errors import UserError
from ssavl.params.stages import PrepareDataParams
from tests.conftest import invoke

SCALES = FACTORS[2].values
SMALL = (1, 3, 2, 4, 3, 2)  # of an archive in the official layout


@pytest.fixture(scope="module")
def data() -> DSprites:
    return DSprites()


def official_file(path: Path, images: np.ndarray | None = None) -> np.ndarray:
    """A small archive in the official layout, its images from the middle of ours."""
    classes = np.stack(np.unravel_index(np.arange(np.prod(SMALL)), SMALL), axis=1)
    if images is None:
        images = DSprites().images(classes)[:, 0] // 255
    values = np.stack(
        [np.array(f.values)[column] for f, column in zip(FACTORS, classes.T, strict=True)], axis=1
    )
    metadata = np.array({"latents_names": NAMES}, dtype=object)  # a pickle, as in the official file
    np.savez_compressed(
        path, imgs=images, latents_values=values, latents_classes=classes, metadata=metadata
    )
    return images


def test_factors_are_the_published_ones(data: DSprites) -> None:
    assert [factor.name for factor in data.factors] == list(NAMES)
    assert data.sizes == (1, 3, 6, 40, 32, 32)
    assert len(data) == 737_280
    assert pytest.approx((0.5, 0.6, 0.7, 0.8, 0.9, 1.0)) == SCALES
    # as the official notebook prints it
    assert FACTORS[3].values[1] == pytest.approx(0.16110732, abs=1e-8)
    assert FACTORS[3].values[-1] == pytest.approx(6.28318531, abs=1e-8)
    assert FACTORS[5].values[1] == pytest.approx(0.03225806, abs=1e-8)


def test_the_last_factor_runs_fastest_and_index_and_factors_agree(data: DSprites) -> None:
    assert data.classes(np.arange(34)).tolist()[31:34] == [
        [0, 0, 0, 0, 0, 31],
        [0, 0, 0, 0, 1, 0],
        [0, 0, 0, 0, 1, 1],
    ]
    index = np.random.default_rng(0).integers(len(data), size=500)
    assert np.array_equal(data.locate(data.classes(index)), index)
    assert data.classes(np.array([len(data) - 1])).tolist() == [[0, 2, 5, 39, 31, 31]]
    for wrong in ([[0, 3, 0, 0, 0, 0]], [[0, 0, 0, 0, 0, -1]], [[0, 0, 0]]):
        with pytest.raises(UserError, match="factors"):
            data.locate(np.array(wrong))


def test_images_are_binary_and_the_same_whatever_they_are_rendered_with(data: DSprites) -> None:
    factors = data.sample_factors(300, np.random.default_rng(0))
    images = data.images(factors)
    assert images.shape == (300, 1, SIZE, SIZE)
    assert images.dtype == np.uint8
    assert set(np.unique(images)) == {0, 255}
    assert np.array_equal(
        rasterise("heart", float(SCALES[2]), np.array(FACTORS[3].values)), sprites()[2, 2]
    )
    assert np.array_equal(images[7:8], data.images(factors[7:8]))


def test_nothing_is_clipped(data: DSprites) -> None:
    edge = np.ones((SIDE, SIDE), bool)
    edge[1:-1, 1:-1] = False
    assert not sprites()[..., edge].any()  # no sprite reaches the edge of its window
    corners = np.array(
        [[0, s, 5, o, x, y] for s in range(3) for o in range(40) for x in (0, 31) for y in (0, 31)]
    )
    images = data.images(corners) // 255
    areas = sprites()[:, 5].sum(axis=(2, 3)).repeat(4)
    assert np.array_equal(images.sum(axis=(1, 2, 3)), areas)
    assert images[:, 0, [0, -1]].sum() + images[:, 0, :, [0, -1]].sum() == 0


def test_position_moves_the_sprite_by_whole_pixels(data: DSprites) -> None:
    def centre(x: int, y: int) -> np.ndarray:
        return np.argwhere(data.images(np.array([[0, 2, 4, 9, x, y]]))[0, 0]).mean(axis=0)

    assert centre(31, 5) - centre(0, 5) == pytest.approx([0, 31])
    assert centre(8, 31) - centre(8, 0) == pytest.approx([31, 0])
    # in the middle on the whole
    assert centre(0, 0) + centre(31, 31) == pytest.approx([63, 63], abs=1)


@pytest.mark.parametrize("shape", range(3))
def test_area_is_the_shapes_own(data: DSprites, shape: int) -> None:
    area = list(AREAS.values())[shape]
    for place, scale in enumerate(SCALES):
        mean = sprites()[shape, place].sum(axis=(1, 2)).mean()
        assert mean == pytest.approx(area * float(scale) ** 2, rel=0.03)


def test_the_mean_image_is_as_bright_as_the_official_one(data: DSprites) -> None:
    assert sprites().sum(axis=(3, 4)).mean() / SIZE**2 == pytest.approx(0.0425, abs=0.0003)


def test_shapes_have_the_symmetries_of_their_kind() -> None:
    angles = np.linspace(0, 2 * np.pi, 7)
    for shape, turn in (("square", math.pi / 2), ("ellipse", math.pi), ("heart", 2 * math.pi)):
        for scale in (0.5, 0.9):
            assert np.array_equal(
                rasterise(shape, scale, angles), rasterise(shape, scale, angles + turn)
            )
            assert not np.array_equal(
                rasterise(shape, scale, angles), rasterise(shape, scale, angles + turn / 2)
            )


def test_orientations_turn_clockwise_and_the_first_is_the_last(data: DSprites) -> None:
    assert np.array_equal(sprites()[:, :, 0], sprites()[:, :, -1])
    # The heart's tip, further from its centre than the rest, starts below it and goes to the left.
    upright, quarter = rasterise("heart", 1.0, np.array([0, np.pi / 2]))
    assert upright[-8:].any()
    assert not upright[:8].any()
    assert quarter[:, :8].any()
    assert not quarter[:, -8:].any()
    distinct = [
        len(np.unique(own.reshape(40, -1), axis=0)) for own in sprites().reshape(18, 40, SIDE, SIDE)
    ]
    assert min(distinct) >= 35
    assert sorted(distinct)[1] >= 38


def test_draws_are_different_images_and_follow_the_generator(data: DSprites) -> None:
    index = data.draw(5000, np.random.default_rng(3))
    assert len(np.unique(index)) == 5000
    assert np.array_equal(index, data.draw(5000, np.random.default_rng(3)))
    counts = np.bincount(data.classes(index)[:, 1])
    assert counts == pytest.approx(5000 / 3, rel=0.1)


def test_the_official_archive_has_the_same_interface() -> None:
    images = official_file(Path(OFFICIAL))
    for path in (Path(OFFICIAL), Path()):
        data: FactorImages = OfficialDSprites(path)
        assert [factor.size for factor in data.factors] == list(SMALL)
        assert data.factors[2].values == SCALES[:2]
        index = np.arange(len(data))[::-1].copy()
        assert np.array_equal(data.take(index)[:, 0], images[::-1] * 255)
        assert np.array_equal(data.images(data.classes(index)), data.take(index))


def test_archives_that_are_no_dsprites() -> None:
    with pytest.raises(UserError, match="does not exist"):
        OfficialDSprites(Path("nowhere.npz"))
    Path("text.npz").write_text("not an archive")
    with pytest.raises(UserError, match="fetch it again"):
        OfficialDSprites(Path("text.npz"))
    np.savez("other.npz", imgs=np.zeros(3))
    with pytest.raises(UserError, match="latents_values"):
        OfficialDSprites(Path("other.npz"))
    classes = np.stack(np.unravel_index(np.arange(6), (1, 2, 3, 1, 1, 1)), axis=1)
    shuffled = {"latents_values": classes[::-1] * 1.0, "latents_classes": classes[::-1]}
    np.savez(
        "order.npz",
        imgs=np.zeros((6, 64, 64), np.uint8),
        **shuffled,  # type: ignore[arg-type]
    )
    with pytest.raises(UserError, match="last one fastest"):
        OfficialDSprites(Path("order.npz"))
    np.savez(
        "size.npz",
        imgs=np.zeros((6, 32, 32), np.uint8),
        latents_values=classes * 1.0,
        latents_classes=classes,
    )
    with pytest.raises(UserError, match="imgs are"):
        OfficialDSprites(Path("size.npz"))


def test_a_subset_is_prepared_for_training(data: DSprites) -> None:
    arguments = (
        "prepare-data",
        "--dataset",
        "dsprites",
        "--limit",
        "90",
        "--set",
        "prepare-data.test_fraction=0.2",
    )
    result = invoke(*arguments, "--set", "prepare-data.validation=10")
    assert result.exit_code == 0, result.output
    prepared = read_prepared(Path("data/prepared"))
    assert prepared.image_shape == (1, SIZE, SIZE)
    assert prepared.manifest["splits"] == {"train": 62, "validation": 10, "test": 18}
    assert prepared.manifest["classes"] == ["square", "ellipse", "heart"]
    index = data.draw(90, np.random.default_rng(0))
    assert np.array_equal(prepared.images, data.take(index))
    assert prepared.labels is not None
    assert np.array_equal(prepared.labels, data.classes(index)[:, 1])
    result = invoke(*arguments, "--out", "again", "--set", "prepare-data.validation=10")
    assert read_prepared(Path("again")).manifest["sha256"] == prepared.manifest["sha256"]


def test_the_official_archive_is_prepared_whole_and_resized() -> None:
    official_file(Path("d.npz"))
    params = PrepareDataParams(dataset="dsprites", root="d.npz", image_size=32, channels=3)
    source = read_source(params, seed=0)
    write_prepared(source, Path("prepared"), 0, Path("scratch"))
    prepared = read_prepared(Path("prepared"))
    assert prepared.image_shape == (3, 32, 32)
    assert len(prepared.images) == np.prod(SMALL)


def test_resizing_keeps_the_factors_and_the_mean_grey(data: DSprites) -> None:
    index = data.draw(20, np.random.default_rng(0))
    small = read_factor_images("dsprites", None, (3, 32, 32))
    assert small.image_shape == (3, 32, 32)
    assert len(small) == len(data)
    np.testing.assert_array_equal(small.classes(index), data.classes(index))
    np.testing.assert_array_equal(small.locate(data.classes(index)), index)
    images = small.images(data.classes(index))
    assert images.shape == (20, 3, 32, 32)
    np.testing.assert_allclose(images.mean((1, 2, 3)), data.take(index).mean((1, 2, 3)), rtol=0.03)


def test_limits_that_cannot_be_met() -> None:
    official_file(Path("d.npz"))
    with pytest.raises(UserError, match=r"limit = 145: between 2 and 144"):
        read_source(PrepareDataParams(dataset="dsprites", root="d.npz", limit=145), seed=0)
    with pytest.raises(UserError, match=r"limit = 10001: between 2 and 10000"):
        read_source(PrepareDataParams(dataset="mnist-10k", limit=10_001), seed=0)


def table(text: str) -> Path:
    Path("images").mkdir(exist_ok=True)
    for place in range(4):
        Image.new("L", (10, 12), 60 * place).save(f"images/{place}.png")
    Path("images/factors.csv").write_text(text)
    return Path("images/factors.csv")


def test_a_table_of_files_and_factors() -> None:
    path = table("file,size,colour\n2.png,10,red\n0.png,9,blue\n1.png,9,red\n3.png,10,red\n")
    data = read_factor_images(str(path), None, (1, 8, 8))
    assert [(factor.name, factor.values) for factor in data.factors] == [
        ("size", (9.0, 10.0)),  # in the order of numbers, not of text
        ("colour", ("blue", "red")),
    ]
    index = np.arange(4)
    assert data.classes(index).tolist() == [[1, 1], [0, 0], [0, 1], [1, 1]]
    assert data.take(index)[:, 0, 0, 0].tolist() == [120, 0, 60, 180]
    assert data.images(np.array([[0, 1], [1, 1]]))[:, 0, 0, 0].tolist() == [60, 120]
    with pytest.raises(UserError, match=r"no image with the factors \(1, 0\)"):
        data.images(np.array([[1, 0]]))
    path.rename("elsewhere.csv")
    assert len(FactorTable(Path("elsewhere.csv"), Path("images"), (3, 8, 8))) == 4


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "column 'file'"),
        ("name,size\n0.png,1\n", "column 'file'"),
        ("file\n0.png\n", "column per factor"),
        ("file,size\n0.png\n", "line 2: 2 cells"),
        ("file,size\n0.png,1,2\n", "line 2: 2 cells"),
        ("file,size\n9.png,1\n", r"9\.png, which does not exist"),
    ],
)
def test_tables_that_cannot_be_used(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        FactorTable(table(text), None, (1, 8, 8))


def test_files_of_a_table_that_cannot_be_read_are_named() -> None:
    data = FactorTable(table("file,size\n0.png,1\n1.png,2\n"), None, (1, 8, 8))
    Path("images/1.png").write_text("no image")
    with pytest.raises(UserError, match=r"1\.png cannot be read"):
        data.take(np.array([1]))
    with pytest.raises(UserError, match="name dsprites"):
        read_factor_images("dsprite", None, (1, 8, 8))
