"""What a person should know of how pictures were read, beside which could not be."""

from __future__ import annotations

from collections import Counter

from ssavl.errors import few
from ssavl.images.file import Picture


class Notes:
    """What was seen while pictures were read, in a few lines whatever their number.

    Args:
        image_shape: channels, height and width that pictures are made to.

    Attributes:
        skipped: files without an image's extension, by the extension that they have.
        first_of_several: files that hold more pictures than the one that was taken.
        stored: how many pictures there are of each size and colour.
    """

    def __init__(self, image_shape: tuple[int, int, int]) -> None:
        channels, size, _ = image_shape
        self.given = f"{size} x {size} {'grey' if channels == 1 else 'colour'}"
        self.skipped: Counter[str] = Counter()
        self.first_of_several: list[str] = []
        self.stored: Counter[str] = Counter()

    def see(self, name: str, picture: Picture) -> None:
        """Take one more picture into account."""
        if not picture.alone:
            self.first_of_several.append(name)
        self.stored[picture.stored] += 1

    def lines(self) -> list[str]:
        """One line per thing to know; none where there is nothing."""
        found = []
        if self.skipped:
            kinds = (f"{count} {suffix}" for suffix, count in ranked(self.skipped))
            found.append(f"skipped {self.skipped.total()} files that are no images: {few(kinds)}")
        if self.first_of_several:
            found.append(
                f"took the first picture alone of {len(self.first_of_several)} files that hold "
                f"several: {few(self.first_of_several)}"
            )
        others = [(kind, count) for kind, count in ranked(self.stored) if kind != self.given]
        if others:
            kinds = (f"{count} of {kind}" for kind, count in others)
            found.append(f"made {self.given} of other pictures: {few(kinds)}")
        return found


def ranked(counts: Counter[str]) -> list[tuple[str, int]]:
    """Words with their counts, the most frequent first, then by name."""
    return sorted(counts.items(), key=lambda one: (-one[1], one[0]))
