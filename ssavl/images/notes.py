"""What a person should know of how pictures were read, beside which could not be."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from ssavl.errors import few
from ssavl.images.file import Picture

NAMED = 5  # files whose names are told; of others their number


@dataclass
class Notes:
    """What was seen while pictures were read, in little memory whatever their number.

    Attributes:
        shape: channels, height and width that pictures are made to.
        skipped: files without an image's extension, by the extension that they have.
        several: how many files hold more pictures than the one that was taken.
        first_of_several: names of the first of them.
        stored: how many pictures there are of each size and colour.
    """

    shape: tuple[int, int, int]
    skipped: Counter[str] = field(default_factory=Counter)
    several: int = 0
    first_of_several: list[str] = field(default_factory=list)
    stored: Counter[str] = field(default_factory=Counter)

    def see(self, name: str, picture: Picture) -> None:
        """Take one more picture into account."""
        if not picture.alone:
            self.several += 1
            self.first_of_several = [*self.first_of_several, name][:NAMED]
        self.stored[picture.stored] += 1

    def add(self, other: Notes) -> None:
        """Take what was noted elsewhere into account."""
        self.skipped += other.skipped
        self.stored += other.stored
        self.several += other.several
        self.first_of_several = [*self.first_of_several, *other.first_of_several][:NAMED]

    @property
    def plain(self) -> dict[str, Any]:
        """All of it as plain data; :meth:`told` reads it."""
        return {**vars(self), "skipped": dict(self.skipped), "stored": dict(self.stored)}

    @classmethod
    def told(cls, plain: dict[str, Any]) -> Notes:
        """What :attr:`plain` says."""
        own = dict(plain)
        own["shape"] = tuple(own["shape"])
        own["skipped"], own["stored"] = Counter(own["skipped"]), Counter(own["stored"])
        return cls(**own)

    def lines(self) -> list[str]:
        """One line per thing to know; none where there is nothing."""
        channels, size, _ = self.shape
        given = f"{size} x {size} {'grey' if channels == 1 else 'colour'}"
        found = []
        if self.skipped:
            kinds = (f"{count} {suffix}" for suffix, count in ranked(self.skipped))
            found.append(f"skipped {self.skipped.total()} files that are no images: {few(kinds)}")
        if self.several:
            names = ", ".join(self.first_of_several)
            more = self.several - len(self.first_of_several)
            found.append(
                f"took the first picture alone of {self.several} files that hold several: {names}"
                + (f" and {more} more" if more else "")
            )
        others = [(kind, count) for kind, count in ranked(self.stored) if kind != given]
        if others:
            kinds = (f"{count} of {kind}" for kind, count in others)
            found.append(f"made {given} of other pictures: {few(kinds)}")
        return found


def ranked(counts: Counter[str]) -> list[tuple[str, int]]:
    """Words with their counts, the most frequent first, then by name."""
    return sorted(counts.items(), key=lambda one: (-one[1], one[0]))
