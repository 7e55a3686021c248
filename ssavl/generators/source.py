"""What people hold, before it is loaded.

Two types, by who named it. A :class:`GeneratorSource` is what a person typed on the command line or
passed in Python: it may be code, and may be trusted. A :class:`WeightsFile` is all that a file can
name, be it a checkpoint, a description or a file of parameters: weights, which are data. There is
no way from the second to the first.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ssavl.errors import UserError
from ssavl.generators.description import Description, Layers
from ssavl.params.section import one_line
from ssavl.storage.documents import parse_yaml

USUAL = Path("data/gan/generator.pt")  # where the pipeline leaves one

# 1: gan_ckpt of the parameter file counts as typed, with --trust
TRUST_GAN_CKPT = "SSAVL_TRUST_GAN_CKPT"


@dataclass(frozen=True)
class WeightsFile:
    """A file of weights: our ``generator.pt``, a checkpoint, safetensors, ONNX.
    Reading one executes nothing.

    Attributes:
        file: it.
        described: what is known of it; it goes before the ``<name>.gan.yaml`` beside the file.
    """

    file: Path
    described: Description = field(default_factory=Description)

    @property
    def spec(self) -> str:
        """How messages name it."""
        return str(self.file)

    @property
    def path(self) -> Path:
        """The file beside which a description lies."""
        return self.file

    @property
    def runs_code(self) -> bool:
        """Whether loading it runs code: never."""
        return False

    def settings(self) -> dict[str, Any]:
        """What, beside the files' content, makes the generator what it is:
        for a foreign one, how it is called.
        """
        return _settings(self.described)

    def files(self) -> dict[str, Path]:
        """Files whose content makes the generator what it is, by role.

        Raises:
            UserError: a file that does not exist.
        """
        return _present({"gan": self.file})


@dataclass(frozen=True)
class GeneratorSource:
    """A generator as a person named it.

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
        return code_named(self.spec)

    @property
    def path(self) -> Path:
        """The file beside which a description lies: a factory's weights or code, else the file."""
        if self.factory is None:
            return Path(self.spec)
        if self.weights is not None:
            return self.weights
        module, _ = self.factory
        return Path(module) if module.endswith(".py") else Path(f"{module}.py")

    @property
    def runs_code(self) -> bool:
        """Whether loading it runs code, or may."""
        return bool(self.factory or self.trust)

    def settings(self) -> dict[str, Any]:
        """As :meth:`WeightsFile.settings`; of a factory, its name and arguments too."""
        return _settings(
            self.described, factory=self.spec if self.factory else None, arguments=self.arguments
        )

    def files(self) -> dict[str, Path]:
        """As :meth:`WeightsFile.files`."""
        found = {"weights": self.weights} if self.weights is not None else {}
        if self.factory is None:
            found["gan"] = Path(self.spec)
        elif self.factory[0].endswith(".py"):
            found["gan"] = Path(self.factory[0])
        return _present(found)


Source = WeightsFile | GeneratorSource


def weights_named_in_a_file(
    spec: str, described: Description, where: str = "a file"
) -> WeightsFile:
    """The generator that a file names: a checkpoint's record, or the parameters' ``gan_ckpt``.

    Args:
        where: what names it, for the message.

    Raises:
        UserError: it names code.
    """
    if code_named(spec) is not None:
        raise UserError(
            f"{where} names code, {spec:.200}, and no file may choose code to run: if that code is "
            "yours, type it as --gan"
        )
    return WeightsFile(Path(spec), described)


def from_params(gan_ckpt: str, described: Description) -> Source:
    """The generator that the parameters name; code only where ``SSAVL_TRUST_GAN_CKPT=1`` says so.

    Raises:
        UserError: it names code, or the switch is neither 0 nor 1.
    """
    switch = os.environ.get(TRUST_GAN_CKPT) or "0"
    if switch not in ("0", "1"):
        raise UserError(f"{TRUST_GAN_CKPT} is {switch!r:.40}: set it to 1, or to nothing")
    if switch == "1":
        return GeneratorSource(gan_ckpt, trust=True, described=described)
    return weights_named_in_a_file(gan_ckpt, described, "gan_ckpt of the parameters")


def from_flags(
    spec: str, weights: Path | None, gan_arg: tuple[str, ...], trust: bool, described: Description
) -> GeneratorSource:
    """The source that a person named by ``--gan`` and the flags beside it.

    Raises:
        UserError: an argument of a factory that is not NAME=VALUE.
    """
    arguments = {}
    for text in gan_arg:
        name, separator, value = text.partition("=")
        if not separator:
            raise UserError(f"--gan-arg {text!r}: write it as name=value")
        arguments[name] = parse_yaml(value, f"the value of --gan-arg {name}")
    if arguments and code_named(spec) is None:  # of weights, arguments are those of their layers
        try:
            described = described.model_copy(update={"layers": Layers.model_validate(arguments)})
        except ValidationError as error:
            raise UserError(f"--gan-arg: {one_line(error.errors(), Layers)}") from None
        arguments = {}
    return GeneratorSource(spec, weights, arguments, trust, described)


def describe(
    key: str | None,
    latent_dim: int | None,
    latent_shape: str | None,
    prior: str | None,
    output_range: tuple[float, float] | None,
) -> Description:
    """What the command line's flags say of a generator.

    Raises:
        UserError: flags that contradict each other, or are not what they should be.
    """
    described: dict[str, Any] = {"key": key, "output_range": output_range}
    if latent_shape is not None:
        described["latent_shape"] = latent_shape.split(",")
    if latent_dim is not None:
        block = {"dim": latent_dim} if prior is None else {"prior": prior, "dim": latent_dim}
        described["latents"] = [block]
    elif prior is not None:
        raise UserError(
            "--prior needs --latent-dim; several blocks go into a .gan.yaml beside the generator"
        )
    try:
        return Description.model_validate(described)
    except ValidationError as error:
        raise UserError(f"generator flags: {one_line(error.errors(), Description)}") from None


def code_named(spec: str) -> tuple[str, str] | None:
    """Module (or file) and name of a factory; ``None`` where ``spec`` is no such thing,
    or a file of that very name.
    """
    module, separator, name = spec.rpartition(":")
    return (module, name) if separator and name.isidentifier() and not Path(spec).exists() else None


def _settings(described: Description, **told: Any) -> dict[str, Any]:
    told["described"] = described.model_dump(mode="json", exclude_defaults=True)
    told = {name: value for name, value in told.items() if value}
    return {"gan": told} if told else {}


def _present(files: Mapping[str, Path]) -> dict[str, Path]:
    for path in files.values():
        if not path.is_file():
            state = "is a folder, not a file" if path.is_dir() else "does not exist"
            usual = path == USUAL
            hint = ": run `dvc repro`, or name a generator with --gan" if usual else ""
            raise UserError(f"{path} {state}{hint}")
    return dict(files)
