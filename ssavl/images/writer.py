"""Images written batch by batch: a folder of PNG files, or one ``.npy`` array."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ssavl.storage.files import atomic, locked, write_bytes

LONGEST = 200  # bytes of a stranger's file name that go into ours; a file system allows 255
Write = Callable[[Sequence[str], Tensor], list[str]]


@contextmanager
def open_images(out: Path) -> Iterator[Write]:
    """A function that takes names and images ``(B, C, H, W)`` in [0, 1], appends them,
    and says where each went.

    Args:
        out: ``<name>.npy`` for one uint8 array ``(N, C, H, W)``, which appears when the block ends
            well; anything else is a folder, with a PNG per image: its number, and the stem of its
            name.
    """
    count = 0
    if out.suffix == ".npy":
        with atomic(out) as file:
            shape: tuple[int, ...] = ()

            def header() -> None:
                file.seek(0)  # NumPy leaves room in it for the first axis to grow
                plain = {"descr": "|u1", "fortran_order": False, "shape": (count, *shape)}
                np.lib.format.write_array_header_1_0(file, plain)

            def append(names: Sequence[str], images: Tensor) -> list[str]:
                nonlocal count, shape
                pixels = _bytes(images)
                if not shape:
                    shape = pixels.shape[1:]
                    header()
                file.write(pixels.tobytes())
                places = [f"{out.name}[{count + index}]" for index in range(len(pixels))]
                count += len(pixels)
                return places

            yield append
            header()
            file.seek(0, io.SEEK_END)
        return
    with locked(out):

        def save(names: Sequence[str], images: Tensor) -> list[str]:
            nonlocal count
            places = []
            for name, pixels in zip(names, _bytes(images), strict=True):
                buffer = io.BytesIO()
                Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)).save(
                    buffer, "PNG"
                )
                places.append(f"{count:06}-{_plain(name)}.png" if name else f"{count:06}.png")
                write_bytes(out / places[-1], buffer.getvalue())
                count += 1
            return places

        yield save


def _plain(name: str) -> str:
    """The stem of a stranger's file name as a part of ours:
    printable, and short enough for any file system.
    """
    stem = "".join(c if c.isprintable() and c not in "/\\" else "_" for c in Path(name).stem)
    return stem.encode()[:LONGEST].decode(errors="ignore")


def quantise(images: Tensor) -> Tensor:
    """Images in [0, 1] as they are on disk: uint8, rounded."""
    return (images.detach().float().clamp(0, 1) * 255).round().byte()


def _bytes(images: Tensor) -> NDArray[np.uint8]:
    return np.ascontiguousarray(quantise(images).cpu().numpy())
