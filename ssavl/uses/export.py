"""``ssavl export``: encoders, and a generator of ours, in formats that outlive this code.

Nothing is declared done before it has been read back and has given the original's numbers on random
input.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ssavl.errors import UserError
from ssavl.generators.load import load_generator
from ssavl.generators.source import WeightsFile
from ssavl.latents.space import LatentSpace
from ssavl.model import Model
from ssavl.models.files import Saved, load_encoders, save_model
from ssavl.models.inference import InferenceModel
from ssavl.networks.registry import name_of
from ssavl.storage.files import locked, write_bytes

FORMATS = ("safetensors", "torch", "onnx")
# of an image in [0, 1], of a latent in base space: other kernels, other order of sums
TOLERANCE = 1e-4
# images or latents per check: not the number that a program is traced with, which must stay free
PROBES = 5
TRACED = 2


class EncoderProgram(nn.Module):
    """Images ``(B, C, H, W)`` in [0, 1] to latents ``(B, D)`` in the generator's order,
    and posterior parameters.

    Args:
        inference: the encoders.
        space: of the generator; blocks that are not inferred are left out of the latents.
    """

    def __init__(self, inference: InferenceModel, space: LatentSpace) -> None:
        super().__init__()
        self.inference = inference
        self.order = LatentSpace([block for block in space.blocks if block.name in inference.space])

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        parameters = torch.cat([encoder(images) for encoder in self.inference], dim=-1)
        modes = self.inference.space.split(self.inference.space.mode(parameters))
        return self.order.join(modes), parameters


def export(model: Model, out: Path, formats: Sequence[str]) -> dict[str, Any]:
    """Write ``encoders.*``, and ``generator.*`` where the generator is ours,
    in each format, verified.

    ``safetensors``: weights, and a ``.json`` beside that says what they are; ``ssavl`` reads the
    pair again.
    ``torch``: a ``torch.export`` archive ``.pt2``. ``onnx``: a graph. Both take any batch size.

    Returns:
        For each file its greatest difference from the original on random input.

    Raises:
        UserError: a format that is unknown or lacks its library, or a file that does not give the
            original's numbers.
    """
    for name in formats:
        if name not in FORMATS:
            raise UserError(f"unknown format '{name}': {', '.join(FORMATS)}")
    rng = torch.Generator().manual_seed(0)
    space, inference, generator = model.latent_space, model.inference.cpu(), model.generator.cpu()
    found: dict[str, float] = {}
    with locked(out):
        # Beside an exported generator the encoders find it there; else they keep naming the one
        # they were fitted to.
        ours = name_of(generator) is not None
        exported = ours and "safetensors" in formats
        path = (
            "generator.safetensors"
            if exported
            else model.bundle.origin.moved(model.bundle.folder, out)
        )
        inference.origin = model.bundle.origin.model_copy(update={"path": path})
        encoders = Saved(model.bundle.method, inference=inference)
        found |= _write(
            out / "encoders",
            EncoderProgram(inference, space).eval(),
            torch.rand(PROBES, *model.image_shape, generator=rng),
            ("images", ("latents", "parameters")),
            lambda file: save_model(file, encoders),
            lambda file: EncoderProgram(load_encoders(file), space),
            formats,
        )
        if ours:
            found |= _write(
                out / "generator",
                generator,
                generator.draw(PROBES, rng),
                ("latents", ("images",)),
                lambda file: save_model(file, Saved(model.bundle.method, generator=generator)),
                lambda file: load_generator(WeightsFile(file)),
                formats,
            )
    return {"files": found, "out": str(out)}


def _write(
    stem: Path,
    network: nn.Module,
    probes: Tensor,
    names: tuple[str, tuple[str, ...]],
    save: Callable[[Path], None],
    load: Callable[[Path], nn.Module],
    formats: Sequence[str],
) -> dict[str, float]:
    """One network in each format, read back and compared."""
    with torch.no_grad():
        expected = _tuple(network(probes))
        found = {}
        for name in formats:
            match name:
                case "safetensors":
                    path = stem.with_suffix(".safetensors")
                    save(path)
                    results = _tuple(load(path)(probes))
                case "torch":
                    path = stem.with_suffix(".pt2")
                    _save_exported(network, probes[:TRACED], path)
                    results = _tuple(torch.export.load(path).module()(probes))
                case _:
                    path = stem.with_suffix(".onnx")
                    _save_onnx(network, probes[:TRACED], names, path)
                    results = _run_onnx(path, probes)
            apart = max((a - b).abs().max().item() for a, b in zip(results, expected, strict=True))
            if not apart <= TOLERANCE:
                path.unlink()
                raise UserError(
                    f"{path} was removed: it differs from the original by {apart:.2g} on random "
                    "input"
                )
            found[str(path)] = apart
    return found


def _save_exported(network: nn.Module, probes: Tensor, path: Path) -> None:
    program = torch.export.export(network, (probes,), dynamic_shapes=({0: torch.export.Dim.AUTO},))
    buffer = io.BytesIO()
    torch.export.save(program, buffer)
    write_bytes(path, buffer.getvalue())


def _save_onnx(
    network: nn.Module, probes: Tensor, names: tuple[str, tuple[str, ...]], path: Path
) -> None:
    if not all(find_spec(name) for name in ("onnx", "onnxruntime", "onnxscript")):
        raise UserError("the format onnx needs more libraries: pip install 'ssavl[onnx]'")
    source, targets = names
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            network,
            (probes,),
            dynamo=True,
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            input_names=[source],
            output_names=list(targets),
            verbose=False,
        )
    assert program is not None
    write_bytes(path, program.model_proto.SerializeToString())


def _run_onnx(path: Path, probes: Tensor) -> tuple[Tensor, ...]:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    results = session.run(None, {session.get_inputs()[0].name: probes.numpy()})
    return tuple(torch.from_numpy(result) for result in results)


def _tuple(result: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return result if isinstance(result, tuple) else (result,)
