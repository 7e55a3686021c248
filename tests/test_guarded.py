"""A stranger's graph cannot take all time or all memory."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ssavl.errors import UserError
from ssavl.uses.guarded import Limits, guarded
from tests.conftest import invoke


def endless(path: Path) -> None:
    """A graph that turns 2^62 times."""
    from onnx import TensorProto, helper, numpy_helper

    value = helper.make_tensor_value_info
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["again"]),
            helper.make_node("Mul", ["x", "x"], ["y"]),
        ],
        "body",
        [
            value("i", TensorProto.INT64, []),
            value("go", TensorProto.BOOL, []),
            value("x", TensorProto.FLOAT, [None, 4]),
        ],
        [value("again", TensorProto.BOOL, []), value("y", TensorProto.FLOAT, [None, 4])],
    )
    turns = numpy_helper.from_array(np.array(2**62), "turns")
    loop = helper.make_node("Loop", ["turns", "", "z"], ["image"], body=body)
    _save([loop], [turns], path)


def huge(path: Path) -> None:
    """A graph whose tensors are a thousand times what is asked for."""
    from onnx import helper, numpy_helper

    shape = numpy_helper.from_array(np.array([100_000_000, 1, 1]), "shape")
    axes = numpy_helper.from_array(np.array([0]), "axes")
    nodes = [
        helper.make_node("Expand", ["z", "shape"], ["grown"]),
        helper.make_node("Exp", ["grown"], ["other"]),
        helper.make_node("ReduceSum", ["other", "axes"], ["image"]),
    ]
    _save(nodes, [shape, axes], path)


def _save(nodes: list[Any], constants: list[Any], path: Path) -> None:
    import onnx
    from onnx import TensorProto, helper

    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, ["n", 4])],
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, None)],
        constants,
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)]), str(path))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("write", "flags", "said"),
    [
        (endless, ["--time-limit", "6"], "more than 6 seconds"),
        (huge, ["--memory-limit", "1.5"], "GiB of memory"),
    ],
)
def test_a_graph_that_takes_too_much_is_stopped_and_what_it_hit_is_said(
    write: Callable[[Path], None], flags: list[str], said: str
) -> None:
    write(Path("net.onnx"))
    began = time.monotonic()
    result = invoke("inspect", "--gan", "net.onnx", *flags)
    assert result.exit_code == 1, result.output
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
    assert time.monotonic() - began < 30


def _dies() -> None:
    os._exit(7)


def _refuses() -> None:
    raise UserError("no such thing")


def _fails() -> None:
    raise ZeroDivisionError


def test_whatever_happens_in_the_other_process_is_known_here() -> None:
    assert guarded(sum, Limits(), "numbers", [1, 2]) == 3
    with pytest.raises(UserError, match="no such thing"):
        guarded(_refuses, Limits(), "it")
    with pytest.raises(UserError, match="ended the process"):
        guarded(_dies, Limits(), "it")
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        guarded(_fails, Limits(), "it")
    with pytest.raises(UserError, match=r"more than 0\.2 seconds"):
        guarded(time.sleep, Limits(0.2), "it", 60)
