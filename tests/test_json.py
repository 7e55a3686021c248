"""What is written as JSON is JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ssavl.storage.files import json_text, write_json


def test_what_is_no_number_becomes_null_and_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    value = {"a": {"mse": float("nan"), "ll": [1.0, float("-inf")]}, "b": 2, "c": "nan", "d": None}
    write_json(Path("x.json"), value)
    found = json.loads(Path("x.json").read_text(), parse_constant=pytest.fail)
    assert found == {"a": {"mse": None, "ll": [1.0, None]}, "b": 2, "c": "nan", "d": None}
    said = capsys.readouterr().err
    assert "a.mse is nan" in said
    assert "a.ll[1] is -inf" in said
    assert said.count("\n") == 1
    assert json_text(float("inf")) == "null"
