"""Walks through a latent space."""

from __future__ import annotations

import pytest
import torch

from ssavl.latents import walks
from tests.test_latents import SPACE

A, B = SPACE.sample(8, torch.Generator().manual_seed(0)).chunk(2)


def test_a_traversal_moves_one_dimension() -> None:
    walked = walks.traverse(A, SPACE, SPACE.blocks[1], 1, 5)
    assert walked.shape == (4, 5, SPACE.dim)
    assert torch.allclose(walked[0, :, 4], torch.linspace(-walks.EDGE, walks.EDGE, 5))
    others = [i for i in range(SPACE.dim) if i != 4]
    assert torch.equal(walked[..., others], A[:, None, others].expand(-1, 5, -1))
    with pytest.raises(ValueError, match="category"):
        walks.values(SPACE.blocks[2], 5)


def test_an_interpolation_starts_and_ends_where_it_should() -> None:
    walk = walks.interpolate(A, B, SPACE, 7)
    assert torch.allclose(walk[:, 0], A, atol=1e-4)
    assert torch.allclose(walk[:, -1], B, atol=1e-4)
    categories = SPACE.split(walk)["category"]
    assert torch.equal(categories[:, :3], SPACE.split(A)["category"][:, None].expand(-1, 3, -1))
    assert torch.equal(categories[:, 4:], SPACE.split(B)["category"][:, None].expand(-1, 3, -1))


def test_noise_walks_on_the_sphere_and_codes_stay_inside() -> None:
    a = A.clone()
    b = B.clone()
    a[:, :3] /= a[:, :3].norm(dim=1, keepdim=True)
    b[:, :3] /= b[:, :3].norm(dim=1, keepdim=True)
    walk = SPACE.split(walks.interpolate(a, b, SPACE, 9))
    assert torch.allclose(walk["noise"].norm(dim=-1), torch.ones(4, 9), atol=1e-5)
    assert (walk["code"].abs() < 1).all()
    assert torch.allclose(
        walks.interpolate(a, a, SPACE, 3), a[:, None].expand(-1, 3, -1), atol=1e-4
    )
