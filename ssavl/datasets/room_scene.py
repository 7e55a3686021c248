r"""A room with one object in it, cast ray by ray: how much of each pixel is floor, wall and object.

The z axis points up from the floor. The room is :math:`|x|, |y| \le` ``WALL``; the object stands on
the floor's middle; the camera goes round it at one height and looks at it. A surface of colour c
under the lamp is seen as

.. math:: c \, (a + (1 - a) \max(0, n \cdot l)),

with ambient light a, normal n and direction l to the lamp; in the object's shadow as c a. Since
colour enters as a factor, a picture of any hues is a sum of three shaded masks, one each for floor,
wall and object, times their colours.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]  # of 32 bits
Hits = tuple[Floats, Floats]  # distances (P,), infinite where a ray misses, and normals (P, 3)

SIDE = 64
SUBPIXELS = 3  # on a side of a pixel
WALL = 5.0
DISTANCE, HEIGHT = 4.6, 2.6  # of the camera, from the z axis and from the floor
AIM = 0.75  # height that it looks at
FIELD = math.radians(50)  # of view
LAMP = np.array([-2.5, 3.0, 5.0], np.float32)
AMBIENT = 0.45
NEAR = 1e-3  # a ray that leaves a surface does not meet it there

# At scale 1; each about as large as the others.
CUBE = 1.5  # side
CYLINDER = (0.8, 1.6)  # radius, height
BALL = 0.95  # radius
CAPSULE = (0.6, 2.0)  # radius, height
AROUND = (0.85, 1.4)  # a ball that holds each of them: height of its centre, radius


def plane(value: float, start: Floats, way: Floats, axis: int) -> Floats:
    """Distances along rays to the plane on which a coordinate has a value."""
    with np.errstate(divide="ignore", invalid="ignore"):
        found = (np.float32(value) - start[..., axis]) / way[..., axis]
    return np.where(found > NEAR, found, np.float32(np.inf))


def box(scale: float, start: Floats, way: Floats) -> Hits:
    """A cube on the floor."""
    half = scale * CUBE / 2
    low, high = np.array([-half, -half, 0]), np.array([half, half, 2 * half])
    with np.errstate(divide="ignore", invalid="ignore"):
        first, second = (
            ((bound.astype(np.float32) - start) / way).astype(np.float32) for bound in (low, high)
        )
    entries, exits = np.minimum(first, second), np.maximum(first, second)
    entry, leave = _of_three(np.maximum, entries), _of_three(np.minimum, exits)
    hit = (entry <= leave) & (entry > NEAR)
    normal = np.zeros_like(way)
    rows, axis = np.arange(len(way)), entries.argmax(-1)
    normal[rows, axis] = -np.sign(way[rows, axis])
    return np.where(hit, entry, np.float32(np.inf)), normal


def _of_three(ufunc: np.ufunc, numbers: Floats) -> Floats:
    """A reduction over the last axis; NumPy's own is slow on so short a one."""
    return ufunc(ufunc(numbers[..., 0], numbers[..., 1]), numbers[..., 2])


def _dot(a: Floats, b: Floats) -> Floats:
    return np.einsum("pi,pi->p", a, b)


def _ball(centre: float, radius: float, start: Floats, way: Floats) -> Hits:
    away = start - np.array([0, 0, centre], np.float32)
    half, rest = _dot(away, way), _dot(away, away) - np.float32(radius**2)
    under = half**2 - (square := _dot(way, way)) * rest
    with np.errstate(invalid="ignore"):
        found = (-half - np.sqrt(under)) / square
    found = np.where((under > 0) & (found > NEAR), found, np.float32(np.inf))
    point = away + np.where(np.isfinite(found), found, 0)[..., None] * way
    return found, point / np.float32(radius)


def _tube(radius: float, low: float, high: float, start: Floats, way: Floats) -> Hits:
    """The side of an upright cylinder, between two heights."""
    across, along = start[..., :2], way[..., :2]
    square, half = _dot(along, along), _dot(across, along)
    under = half**2 - square * (_dot(across, across) - np.float32(radius**2))
    with np.errstate(invalid="ignore", divide="ignore"):
        found = (-half - np.sqrt(under)) / square
        point = start + found[..., None] * way
        hit = (under > 0) & (found > NEAR) & (point[..., 2] >= low) & (point[..., 2] <= high)
    normal = np.where(hit[..., None], point, 0) / np.float32(radius)
    normal[..., 2] = 0
    return np.where(hit, found, np.float32(np.inf)), normal


def _nearest(*hits: Hits) -> Hits:
    found, normal = hits[0]
    for other, its in hits[1:]:
        closer = other < found
        found, normal = np.where(closer, other, found), np.where(closer[..., None], its, normal)
    return found, normal


def cylinder(scale: float, start: Floats, way: Floats) -> Hits:
    """An upright cylinder."""
    radius, height = (scale * length for length in CYLINDER)
    lid = plane(height, start, way, 2)
    point = start + np.where(np.isfinite(lid), lid, 0)[..., None] * way
    lid = np.where(_dot(point[..., :2], point[..., :2]) <= radius**2, lid, np.float32(np.inf))
    up = np.broadcast_to(np.array([0, 0, 1], np.float32), way.shape)
    return _nearest(_tube(radius, 0, height, start, way), (lid, up))


def ball(scale: float, start: Floats, way: Floats) -> Hits:
    """A ball that touches the floor."""
    return _ball(scale * BALL, scale * BALL, start, way)


def capsule(scale: float, start: Floats, way: Floats) -> Hits:
    """An upright cylinder between two half-balls."""
    radius, height = (scale * length for length in CAPSULE)
    top = height - radius
    ends = (_ball(centre, radius, start, way) for centre in (radius, top))
    return _nearest(_tube(radius, radius, top, start, way), *ends)


SHAPES: dict[str, Callable[[float, Floats, Floats], Hits]] = {
    "cube": box,
    "cylinder": cylinder,
    "sphere": ball,
    "capsule": capsule,
}


@cache
def rays(angle: float) -> tuple[Floats, Floats]:
    """Where the camera stands ``(3,)``, and the ways of its rays ``(P, 3)``, row by row.

    Args:
        angle: degrees that it has gone round; at 0 it looks along x.
    """
    turn = math.radians(angle)
    eye = np.array([-DISTANCE * math.cos(turn), -DISTANCE * math.sin(turn), HEIGHT])
    ahead = np.array([0, 0, AIM]) - eye
    ahead /= np.linalg.norm(ahead)
    right = np.cross(ahead, [0, 0, 1])
    right /= np.linalg.norm(right)
    n = SIDE * SUBPIXELS
    steps = ((np.arange(n) + 0.5) / n * 2 - 1) * math.tan(FIELD / 2)
    down = -np.cross(right, ahead)
    ways = ahead + steps[:, None, None] * down + steps[None, :, None] * right
    return eye.astype(np.float32), ways.reshape(-1, 3).astype(np.float32)


@cache
def room(angle: float) -> tuple[Floats, Floats, NDArray[np.int64], Floats]:
    """The empty room from an angle: distances ``(P,)``, points ``(P, 3)``, whether they are of the
    floor (0) or a wall (1), and how bright they are.
    """
    eye, ways = rays(angle)
    start, signs = np.broadcast_to(eye, ways.shape), np.sign(ways)
    distances = [plane(0, start, ways, 2)]
    for axis in (0, 1):
        bound = np.where(signs[:, axis] < 0, -WALL, WALL).astype(np.float32)
        with np.errstate(divide="ignore"):
            distances.append((bound - eye[axis]) / ways[:, axis])
    which, far = np.argmin(distances, 0), np.min(distances, 0)
    normal = np.zeros_like(ways)
    normal[which == 0, 2] = 1
    for axis in (0, 1):
        normal[which == axis + 1, axis] = -signs[which == axis + 1, axis]
    point = eye + far[:, None] * ways
    return far, point, np.minimum(which, 1), lit(point, normal)


def masks(shape: str, scale: float, angle: float) -> Floats:
    """How bright floor, wall and object are in each pixel, ``(3, SIDE, SIDE)`` in [0, 1]; each is 0
    where another is seen.

    Args:
        shape: of :data:`SHAPES`.
        scale: of the object.
        angle: degrees that the camera has gone round.
    """
    eye, ways = rays(angle)
    far, point, region, light = room(angle)
    region, light = region.copy(), light.copy()

    dark = near_it(scale, point, LAMP - point)
    shade, _ = SHAPES[shape](scale, point[dark], LAMP - point[dark])
    light[dark[shade < 1]] = AMBIENT

    start = np.broadcast_to(eye, ways.shape)
    maybe = near_it(scale, start, ways)
    near, normal = SHAPES[shape](scale, start[maybe], ways[maybe])
    seen = near < far[maybe]
    where = maybe[seen]
    region[where] = 2
    light[where] = lit(eye + near[seen, None] * ways[where], normal[seen])

    shaded = np.stack([np.where(region == own, light, 0) for own in range(3)])
    cells = shaded.reshape(3, SIDE, SUBPIXELS, SIDE, SUBPIXELS)
    return cells.mean(axis=(2, 4), dtype=np.float32)


def near_it(scale: float, start: Floats, way: Floats) -> NDArray[np.int64]:
    """Which rays may meet an object: those that pass through the ball around it."""
    centre, radius = (scale * length for length in AROUND)
    away = start - np.array([0, 0, centre], np.float32)
    half, square, rest = _dot(away, way), _dot(way, way), _dot(away, away) - np.float32(radius**2)
    return np.flatnonzero(half**2 >= square * rest)


def lit(point: Floats, normal: Floats) -> Floats:
    """How bright surfaces are that nothing shades."""
    way = LAMP - point
    diffuse = np.maximum(0, _dot(normal, way) / np.sqrt(_dot(way, way)))
    return (AMBIENT + (1 - AMBIENT) * diffuse).astype(np.float32)
