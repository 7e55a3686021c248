"""The rooms: what their factors do to a picture, and to nothing else of it."""

from __future__ import annotations

import colorsys
from pathlib import Path

import numpy as np
import pytest

from ssavl.datasets.readers import read_factor_images
from ssavl.datasets.room_scene import AMBIENT, SHAPES, SIDE, masks
from ssavl.datasets.rooms import FACTORS, HUES, Rooms
from ssavl.errors import UserError

SIZES = (10, 10, 10, 8, 4, 15)


@pytest.fixture(scope="module")
def rooms() -> Rooms:
    return Rooms()


@pytest.fixture(scope="module")
def scenes(rooms: Rooms) -> np.ndarray:
    """Floor, wall and object of all 480 scenes, ``(480, 3, SIDE, SIDE)``."""
    rooms.take(np.arange(480))
    return rooms._masks.reshape(480, 3, SIDE, SIDE)


def test_there_are_as_many_as_3d_shapes_has_in_its_order(rooms: Rooms) -> None:
    assert len(rooms) == 480_000
    assert tuple(factor.size for factor in FACTORS) == SIZES
    places = np.array([0, 1, 15, 60, 480, 4800, 48_000, 479_999])
    expected = [[0] * 6, *np.eye(6, dtype=int)[::-1].tolist(), [size - 1 for size in SIZES]]
    assert rooms.classes(places).tolist() == expected
    assert rooms.locate(np.array(expected)).tolist() == places.tolist()


@pytest.mark.parametrize("region", range(3))
def test_a_hue_colours_its_own_surface_and_nothing_else(
    rooms: Rooms, scenes: np.ndarray, region: int
) -> None:
    rng = np.random.default_rng(region)
    for classes in rooms.sample_factors(20, rng):
        each = np.repeat(classes[None], 10, axis=0)
        each[:, region] = np.arange(10)
        images = rooms.images(each)
        own = scenes[np.ravel_multi_index(tuple(classes[3:]), SIZES[3:])]
        others = np.delete(own, region, axis=0).sum(0)
        assert (images[:, :, own[region] == 0] == images[:1, :, own[region] == 0]).all()
        alone = (own[region] > AMBIENT / 2) & (others == 0)
        assert alone.sum() > 30
        for hue, image in zip(HUES, images, strict=True):
            red, green, blue = image[:, alone].mean(axis=1) / 255
            found, saturation, _ = colorsys.rgb_to_hsv(red, green, blue)
            assert min(abs(found - hue), 1 - abs(found - hue)) < 0.01
            assert saturation == pytest.approx(0.85, abs=0.02)


def test_every_picture_is_another(rooms: Rooms, scenes: np.ndarray) -> None:
    """Scenes differ by more than rounding, and so do colours of one scene: then all 480,000 do."""
    pixels = (255 * scenes.reshape(480, -1)).round().astype(np.uint8)
    assert len(np.unique(pixels, axis=0)) == 480
    index = np.arange(1000) * 480 + 77
    assert len(np.unique(rooms.take(index).reshape(1000, -1), axis=0)) == 1000


def test_size_shape_and_orientation_change_what_they_name(scenes: np.ndarray) -> None:
    scenes = scenes.reshape(8, 4, 15, 3, SIDE, SIDE)
    area = (scenes[:, :, :, 2] > 0).sum(axis=(-1, -2))
    assert (np.diff(area, axis=0) > 0).all()  # a larger object covers more, from anywhere
    # where neither object nor shadow may be, the room does not depend on the object
    far = (slice(None), slice(None), slice(None), slice(2), slice(0, 4))
    assert (scenes[far] == scenes[far][:1, :1]).all()
    # what is round looks the same from every side
    round_ones = [list(SHAPES).index(name) for name in ("cylinder", "sphere", "capsule")]
    outlines = scenes[:, round_ones, :, 2] > 0
    assert (outlines == outlines[:, :, :1]).mean() > 0.999
    box = scenes[-1, list(SHAPES).index("cube"), :, 2] > 0
    assert (box[0] != box[7]).sum() > 20


@pytest.mark.parametrize("shape", SHAPES)
def test_every_pixel_is_seen_once_and_lit_within_bounds(shape: str) -> None:
    found = masks(shape, 1.0, 10.0)
    assert found.min() >= 0
    total = found.sum(axis=0)
    assert total.min() >= AMBIENT - 1e-6
    assert total.max() <= 1 + 1e-6


def test_rooms_are_fitted_to_other_sizes_and_have_no_files(rooms: Rooms) -> None:
    small = read_factor_images("rooms", None, (1, 32, 32))
    assert small.take(np.array([5, 7])).shape == (2, 1, 32, 32)
    with pytest.raises(UserError, match="no files"):
        read_factor_images("rooms", Path("somewhere"), (3, 64, 64))
