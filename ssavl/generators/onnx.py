"""Generators held as ONNX: through onnx2torch, which has gradients, else through onnxruntime,
which has none.

An ONNX file is data: neither library executes code from it. Both are optional:
``pip install 'ssavl[onnx]'``.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ssavl.errors import UserError, first_line
from ssavl.storage.files import sha256

FLOATS = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64}

TOLERANCE = 1e-3  # between the two libraries, relative to the range of the images
PROBES = 3


class Session(nn.Module):
    """An ONNX graph run by onnxruntime: no gradient.
    A fixed batch size is met by cutting and padding.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        import onnxruntime

        available = onnxruntime.get_available_providers()
        wanted = [p for p in ("CUDAExecutionProvider", "CPUExecutionProvider") if p in available]
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = torch.get_num_threads()
        self.session = onnxruntime.InferenceSession(str(path), options, providers=wanted)
        self.inputs = self.session.get_inputs()
        foreign = [node.type for node in self.inputs if node.type not in FLOATS]
        if foreign or not self.inputs:
            raise UserError(
                f"{path} takes {', '.join(foreign) or 'nothing'}, not latents of floats: wrap it "
                "in code that makes what it takes of a latent vector"
            )
        shape = self.inputs[0].shape
        fixed = bool(shape) and isinstance(shape[0], int)  # an open batch size is a name
        self.batch: int | None = shape[0] if fixed else None
        # In the state, so that the hash of the weights tells one graph from another.
        content = b"".join(bytes.fromhex(sha256(own)) for own in (path, *external_data(path)))
        self.register_buffer("content", torch.tensor(list(content), dtype=torch.uint8))

    @torch.no_grad()
    def forward(self, *latents: Tensor) -> Tensor:
        size = self.batch or len(latents[0])
        parts = [
            self._run([part[start : start + size] for part in latents], size)
            for start in range(0, len(latents[0]), size)
        ]
        return torch.cat(parts).to(latents[0].device)

    def _run(self, latents: Sequence[Tensor], size: int) -> Tensor:
        count = len(latents[0])
        padded = [
            torch.cat([part, part[:1].expand(size - count, *part.shape[1:])]) for part in latents
        ]
        feed = {
            node.name: part.cpu().numpy().astype(FLOATS[node.type])
            for node, part in zip(self.inputs, padded, strict=True)
        }
        try:
            found = self.session.run(None, feed)[0]
        except runtime_errors() as error:
            raise UserError(f"onnxruntime refuses ({one_line(error)})") from None
        if not isinstance(found, np.ndarray):
            raise UserError(f"the graph gives a {type(found).__name__}, not images")
        return torch.from_numpy(found.astype(np.float32, copy=False))[:count]


def external_data(path: Path) -> list[Path]:
    """Files beside an ONNX graph that hold some of its numbers; none of a file that is no graph."""
    import onnx
    from google.protobuf.message import DecodeError
    from onnx.external_data_helper import ExternalDataInfo, _get_all_tensors, uses_external_data

    try:
        graph = onnx.load(str(path), load_external_data=False)
    except (DecodeError, ValueError, OSError):
        return []
    names = {
        ExternalDataInfo(tensor).location
        for tensor in _get_all_tensors(graph)
        if uses_external_data(tensor)
    }
    return sorted(place for name in names if (place := path.parent / name).is_file())


def runtime_errors() -> tuple[type[Exception], ...]:
    """All that onnxruntime raises: its own kinds have no base of theirs."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    own = (kind for kind in vars(state).values() if isinstance(kind, type))
    return (*(kind for kind in own if issubclass(kind, Exception)), RuntimeError, ValueError)


def one_line(error: Exception) -> str:
    """What went wrong, however many lines onnxruntime makes of it."""
    return " ".join(str(error).split())[:160]


def load(path: Path) -> tuple[nn.Module, list[int] | None, str]:
    """The network, the shape of one sample of its only input where the graph fixes it,
    and what runs it.

    Raises:
        UserError: a library that is missing, or a file that is no ONNX graph.
    """
    try:
        import onnx
        import onnx2torch
    except ImportError:
        raise UserError(f"{path} is an ONNX file: pip install 'ssavl[onnx]' to read it") from None
    try:
        session = Session(path)
    except runtime_errors() as error:
        raise UserError(f"{path} cannot be read as ONNX ({one_line(error)})") from None
    shape = _sample_shape(session)
    narrow = {node.type for node in session.inputs} - {"tensor(float)"}
    if narrow:  # onnx2torch mixes types where the graph has one
        kinds = ", ".join(sorted(narrow))
        return session, shape, f"onnxruntime, no gradient: its inputs are {kinds}"
    if session.batch is not None:  # constants of that batch size are baked into the graph
        return (
            session,
            shape,
            f"onnxruntime, no gradient: the batch size is fixed at {session.batch}",
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            network = onnx2torch.convert(onnx.load(str(path)))
    except Exception as error:  # whatever a converter raises of a stranger's graph
        return (
            session,
            shape,
            "onnxruntime, no gradient: onnx2torch has not all its operators "
            f"({first_line(error, 80)})",
        )
    problem = _differs(network, session)
    if problem:
        return session, shape, f"onnxruntime, no gradient: onnx2torch's conversion {problem}"
    return network, shape, "onnx2torch"


def _sample_shape(session: Session) -> list[int] | None:
    if len(session.inputs) != 1:
        return None
    shape = session.inputs[0].shape[1:]
    return shape if all(isinstance(size, int) for size in shape) else None


def _differs(network: nn.Module, session: Session) -> str:
    """What is wrong with a conversion; empty where it agrees with onnxruntime on random input."""
    rng = torch.Generator().manual_seed(0)
    latents = []
    for node in session.inputs:
        shape = node.shape[1:]
        if not all(isinstance(size, int) for size in shape):
            return "cannot be checked: the graph leaves the size of its input open"
        latents.append(torch.randn(PROBES, *shape, generator=rng))
    try:
        with torch.no_grad():
            found, expected = network(*latents), session(*latents)
    except Exception as error:  # whatever a conversion raises when it is called
        return f"fails ({first_line(error, 80)})"
    spread = (expected.max() - expected.min()).item()
    apart = (found - expected).abs().max().item()
    return "" if apart <= TOLERANCE * max(spread, 1e-12) else f"differs by {apart:.2g}"
