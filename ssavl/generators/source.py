"""What people hold, as they name it on the command line."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from ssavl.errors import UserError
from ssavl.generators.description import Description
from ssavl.generators.protocol import Generator
from ssavl.section import one_line


@dataclass(frozen=True)
class GeneratorSource:
    """A generator, not loaded yet.

    Attributes:
        spec: a file, or ``package.module:factory`` or ``file.py:factory``.
        weights: of what a factory makes.
        arguments: of the factory.
        trust: allow a loader that can execute what the file says (``torch.export``, TorchScript).
        described: what flags say; it goes before the ``<name>.gan.yaml`` beside the file.
    """

    spec: str
    weights: Path | None = None
    arguments: dict[str, Any] = field(default_factory=dict)
    trust: bool = False
    described: Description = field(default_factory=Description)

    @property
    def factory(self) -> tuple[str, str] | None:
        """Module (or file) and name, where the source is a factory."""
        module, separator, name = self.spec.rpartition(":")
        if not separator or not name.isidentifier() or Path(self.spec).exists():
            return None
        return module, name

    @property
    def path(self) -> Path:
        """The file beside which a description lies: a factory's weights or code, else the file."""
        if self.factory is None:
            return Path(self.spec)
        if self.weights is not None:
            return self.weights
        module, _ = self.factory
        return Path(module) if module.endswith(".py") else Path(f"{module}.py")

    def settings(self) -> dict[str, Any]:
        """What, beside the files' content, makes the generator what it is: for a foreign one, how it is called."""
        described = self.described.model_dump(mode="json", exclude_defaults=True)
        told = {"factory": self.spec if self.factory else None, "arguments": self.arguments, "described": described}
        told = {name: value for name, value in told.items() if value}
        return {"gan": told} if told else {}

    def record(self, folder: Path, generator: Generator, weights: str) -> dict[str, Any]:
        """What encoders that are kept in ``folder`` say of the generator; :func:`from_record` reads it.

        The path is relative to the encoders, so that a bundle can be moved; the hash of the weights
        refuses another generator. Where loading runs code, only a person may say which.

        Args:
            generator: what this source loads.
            weights: the hash of its weights.
        """
        return {
            "weights": weights,
            "space": generator.latent_space.config,
            "path": self.spec if self.factory else os.path.relpath(self.spec, folder),
            "described": self.described.model_dump(mode="json", exclude_defaults=True),
            "runs_code": bool(self.factory or self.trust),
        }

    def files(self) -> dict[str, Path]:
        """Files whose content makes the generator what it is, by role.

        Raises:
            UserError: a file that does not exist.
        """
        found = {"weights": self.weights} if self.weights is not None else {}
        if self.factory is None:
            found["gan"] = Path(self.spec)
        elif self.factory[0].endswith(".py"):
            found["gan"] = Path(self.factory[0])
        for path in found.values():
            if not path.is_file():
                state = "is a folder, not a file" if path.is_dir() else "does not exist"
                raise UserError(f"{path} {state}")
        return found


def from_record(record: Mapping[str, Any], folder: Path) -> GeneratorSource:
    """The generator that encoders in ``folder`` were fitted to.

    Raises:
        UserError: one that takes code to load: encoders from a stranger must not choose code to run.
    """
    if record["runs_code"]:
        raise UserError(f"these encoders belong to {record['path']}, whose loading runs code: name it with --gan")
    return GeneratorSource(os.path.relpath(folder / record["path"]), described=Description(**record["described"]))


def from_flags(
    spec: str,
    weights: Path | None,
    gan_arg: tuple[str, ...],
    trust: bool,
    key: str | None,
    latent_dim: int | None,
    latent_shape: str | None,
    prior: str | None,
    output_range: tuple[float, float] | None,
) -> GeneratorSource:
    """The source that the command line's flags name.

    Raises:
        UserError: flags that contradict each other, or are not what they should be.
    """
    arguments = {}
    for text in gan_arg:
        name, separator, value = text.partition("=")
        if not separator:
            raise UserError(f"--gan-arg {text!r}: write it as name=value")
        arguments[name] = yaml.safe_load(value)
    described: dict[str, Any] = {"key": key, "output_range": output_range}
    if latent_shape is not None:
        described["latent_shape"] = latent_shape.split(",")
    if latent_dim is not None:
        described["latents"] = [{"prior": prior or "normal", "dim": latent_dim}]
    elif prior is not None:
        raise UserError("--prior needs --latent-dim; several blocks go into a .gan.yaml beside the generator")
    try:
        description = Description.model_validate(described)
    except ValidationError as error:
        raise UserError(f"generator flags: {one_line(error.errors(), Description)}") from None
    return GeneratorSource(spec, weights, arguments, trust, description)
