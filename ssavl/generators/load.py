"""From a source to a frozen generator.

Weights are always read with ``weights_only=True``. Nothing here falls back to a loader that could
execute what a file says: ``torch.export`` archives and TorchScript need ``--trust``, pickled
modules are refused, and a factory is the user's own code. Both are properties of a
:class:`GeneratorSource`, what a person named; a file can name a :class:`WeightsFile` alone.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import pickle
import re
import shlex
import sys
import zipfile
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ssavl.errors import UserError, first_line
from ssavl.generators import causes, dcgan, onnx, own, states
from ssavl.generators.description import Description, Layers, read_description
from ssavl.generators.foreign import Pinned, adapt
from ssavl.generators.own import Loaded
from ssavl.generators.source import GeneratorSource, Source, WeightsFile
from ssavl.networks.generator import GeneratorNetwork
from ssavl.storage import tensors
from ssavl.storage.checkpoint import has_description

EXECUTABLE = {"export": "a torch.export archive", "torchscript": "a TorchScript file"}
WAY_OUT = (
    "give the code that makes the network as --gan file.py:factory, and its weights as --weights"
)


def load_generator(source: Source) -> GeneratorNetwork:
    """The generator, frozen, in evaluation mode, on the CPU.

    Raises:
        UserError: as :func:`load_bundle`.
    """
    return load_bundle(source).generator


def load_bundle(source: Source) -> Loaded:
    """The generator, and the encoders that its training left beside it; the file is opened once.

    Raises:
        UserError: whatever keeps it from being loaded, with the way out.
    """
    source.files()
    described = source.described.over(read_description(source.path))
    if isinstance(source, GeneratorSource) and source.factory is not None:
        network, runner = _from_factory(source, described.key), "a factory"
    else:
        path = source.path
        match _kind(path):
            case "export" | "torchscript" as kind:
                network, runner = _executable(path, kind, source), EXECUTABLE[kind]
            case "onnx":
                network, shape, runner = onnx.load(path)
                if shape is not None and described.latent_shape is None:
                    described = described.over(Description(latent_shape=shape))
            case _ if has_description(path):
                return own.load_own(path)
            case _:
                payload = _read_weights(path)
                if isinstance(payload, dict) and "ssavl" in payload:
                    return own.read_own(payload, path)
                network, runner = _from_weights(path, payload, described), dcgan.RUNNER
    generator = adapt(_still(network), described, source.spec, runner)
    return Loaded(generator.requires_grad_(False))


def _kind(path: Path) -> str:
    if path.suffix == ".onnx":
        return "onnx"
    if path.suffix == ".safetensors":
        return "weights"
    if not zipfile.is_zipfile(path):
        return "weights"
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError):
        return "weights"  # whose reader says what is wrong with it
    if any("/code/" in name for name in names):
        return "torchscript"
    if any(name.endswith("archive_format") or "/models/" in name for name in names):
        return "export"
    return "weights"


def _executable(path: Path, kind: str, source: Source) -> nn.Module:
    what = EXECUTABLE[kind]
    if isinstance(source, WeightsFile) or not source.trust:
        typed = (
            "add --trust" if isinstance(source, GeneratorSource) else f"type --gan {path} --trust"
        )
        raise UserError(
            f"{path} is {what}, whose loader can execute code: "
            f"{typed} if you know where it comes from"
        )
    try:
        if kind == "export":
            return Pinned(torch.export.load(path).module())
        return torch.jit.load(path, map_location="cpu")
    except tensors.UNREADABLE as error:
        raise UserError(f"{path} cannot be loaded as {what} ({first_line(error)})") from None


def _read_weights(path: Path) -> Any:
    try:
        return (
            tensors.load_safetensors(path) if path.suffix == ".safetensors" else tensors.load(path)
        )
    except pickle.UnpicklingError as error:
        named = re.search(r"GLOBAL ([\w.]+)", str(error))
        what = (
            f"holds a pickled {named.group(1)}"
            if named
            else "is no checkpoint, or a pickle of more than weights"
        )
        raise UserError(
            f"{path} {what}, and reading it could execute code. If you trust it, save its weights "
            f"alone: {_saves_weights(path)}; then --gan file.py:factory --weights weights.pth"
        ) from None
    except tensors.UNREADABLE as error:
        raise UserError(
            f"{path} cannot be read ({first_line(error)}): it is cut short or no checkpoint"
        ) from None


def _saves_weights(path: Path) -> str:
    """A command for a person who trusts a file: nothing here runs it."""
    code = (
        f"import torch; c = torch.load({str(path)!r}, weights_only=False); "
        "torch.save(c.get('state_dict', c) if isinstance(c, dict) else c.state_dict(), "
        "'weights.pth')"
    )
    plain = not set('"$`\\!') & set(code)
    return f'python -c "{code}"' if plain else f"python -c {shlex.quote(code)}"


def _from_weights(path: Path, payload: Any, described: Description) -> nn.Module:
    what = "a DCGAN-shaped generator"
    build = partial(dcgan.build, layers=described.layers or Layers())
    try:
        network = states.choose(payload, path, described.key, build, what)
        dcgan.require_latents(network, described, path)
        return network
    except states.NoneFits as error:
        lacking = any(dcgan.lacks_statistics(one.state) for one in states.held(payload))
        hint = ". Its BatchNorm has no running statistics (track_running_stats=False)"
        raise UserError(
            f"{error}{hint if lacking else ''}; weights alone say no more: {WAY_OUT}"
        ) from None


def _from_factory(source: GeneratorSource, key: str | None) -> nn.Module:
    assert source.factory is not None
    module_name, name = source.factory
    try:
        factory = getattr(_import(module_name), name)
    except AttributeError:
        raise UserError(
            f"{module_name} has no {name}: name the function that makes the generator"
        ) from None
    try:
        network = factory(**source.arguments)
    except TypeError as error:
        raise UserError(
            f"{source.spec} cannot be called ({first_line(error)}): "
            "set its arguments with --gan-arg"
        ) from None
    if not isinstance(network, nn.Module):
        raise UserError(f"{source.spec} makes a {type(network).__name__}, not a torch.nn.Module")
    if source.weights is None and not causes.same_weights(network, factory(**source.arguments)):
        raise UserError(
            f"{source.spec} makes other weights at each call, so they are no trained ones: name "
            "their file with --weights"
        )
    if source.weights is not None:
        payload, what = _read_weights(source.weights), f"what {source.spec} makes"
        try:
            return states.choose(payload, source.weights, key, states.loader(network), what)
        except states.NoneFits:
            raise UserError(
                f"{source.weights} does not fit {what}: {states.misfit(network, payload)}"
            ) from None
    return network


def _import(name: str) -> Any:
    try:
        if not name.endswith(".py"):
            return importlib.import_module(name)
        spec = importlib.util.spec_from_file_location(Path(name).stem, name)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        # so that it can import its neighbours, as a script can
        sys.path.insert(0, str(Path(name).resolve().parent))
        spec.loader.exec_module(module)
        return module
    except ImportError as error:
        raise UserError(
            f"{name} cannot be imported ({error}): give package.module:factory or file.py:factory"
        ) from None


def _still(network: nn.Module) -> nn.Module:
    # an exported program has no modes: it was traced in one
    with contextlib.suppress(NotImplementedError):
        network.eval()
    return network.float()
