"""The studies that come with the package: what each is, and where its files are."""

from __future__ import annotations

from pathlib import Path

from ssavl.errors import UserError

STUDIES = {
    "digits": "ten thousand digits, the default study: minutes on two cores",
    "mnist": "the same at length: four seeds, the paper to the letter and a VAE beside; hours",
    "fashion-mnist": "Fashion-MNIST, likewise; hours",
    "dsprites": "dSprites, how far codes come apart: three seeds; hours",
    "ablation": "the digits with one mechanism off at a time, two seeds; hours",
    "competitors": "every system on the digits, a minute of a core each, two seeds; an hour",
    "disentanglement": "five systems' codes on dSprites, two seeds; hours, on a GPU minutes",
}
NAMES = ("params.yaml", "recipe.yaml", "dvc.yaml")
PACKAGE = Path(__file__).parents[1]


def home(study: str) -> Path:
    """Where the repository keeps a study, from its root."""
    return Path() if study == "digits" else Path("pipelines", study)


def files(study: str) -> dict[str, str]:
    """A study's parameters and pipeline as text, by the name of each file.

    A wheel has them in ``ssavl/studies/STUDY`` (``force-include`` in pyproject.toml); an editable
    install reads the repository's own.

    Raises:
        UserError: this copy of the package has lost them.
    """
    for folder in (PACKAGE / "studies" / study, PACKAGE.parent / home(study)):
        paths = [folder / name for name in NAMES if (folder / name).is_file()]
        if len(paths) > 1:
            return {path.name: path.read_text() for path in paths}
    raise UserError(f"the study {study} is missing from {PACKAGE}: install ssavl again")
