"""Atomic writes, locks, and checkpoint files."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch

from ssavl.errors import UserError
from ssavl.storage.checkpoint import load_checkpoint, save_checkpoint
from ssavl.storage.files import atomic, locked, scratch_folder, write_bytes


def test_a_failed_write_leaves_the_old_file_and_no_other() -> None:
    write_bytes(Path("f"), b"old")

    def fail() -> None:
        with atomic(Path("f")) as file:
            file.write(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert Path("f").read_bytes() == b"old"
    assert [p.name for p in Path().iterdir()] == ["f"]


def test_a_write_replaces_the_file_and_not_its_hard_link() -> None:
    write_bytes(Path("f"), b"old")
    Path("cache").hardlink_to("f")
    write_bytes(Path("f"), b"new")
    assert Path("cache").read_bytes() == b"old"


def test_checkpoints_round_trip_to_equal_bytes() -> None:
    weights = torch.arange(4.0)
    payload = {"state": {"w": weights}, "config": {"width": 3}}
    save_checkpoint(Path("a.pt"), "generator", payload)
    save_checkpoint(Path("b.pt"), "generator", payload)
    assert Path("a.pt").read_bytes() == Path("b.pt").read_bytes()
    loaded = load_checkpoint(Path("a.pt"), "generator")
    assert torch.equal(loaded["state"]["w"], weights)


def test_checkpoints_that_are_not_what_they_should_be() -> None:
    save_checkpoint(Path("a.pt"), "generator", {"state": {"w": torch.randn(1000)}})
    with pytest.raises(UserError, match="'generator' where 'encoders'"):
        load_checkpoint(Path("a.pt"), "encoders")
    content = Path("a.pt").read_bytes()
    for length in (0, 10, len(content) // 2, len(content) - 10):
        Path("cut.pt").write_bytes(content[:length])
        with pytest.raises(UserError, match=r"cut\.pt cannot be read"):
            load_checkpoint(Path("cut.pt"), "generator")
    torch.save({"w": torch.zeros(1)}, "foreign.pt")
    with pytest.raises(UserError, match="no checkpoint of ssavl"):
        load_checkpoint(Path("foreign.pt"), "generator")
    torch.save({"ssavl": 99, "kind": "generator"}, "newer.pt")
    with pytest.raises(UserError, match="newer"):
        load_checkpoint(Path("newer.pt"), "generator")
    with pytest.raises(UserError, match="does not exist"):
        load_checkpoint(Path("nowhere.pt"), "generator")


def test_a_pickle_that_would_run_code_is_refused_and_does_not_run() -> None:
    class Attack:
        def __reduce__(self):
            return Path.touch, (Path("owned"),)

    torch.save({"ssavl": 1, "kind": "generator", "x": Attack()}, "attack.pt")
    Path("attack.pkl").write_bytes(pickle.dumps(Attack()))
    for name in ("attack.pt", "attack.pkl"):
        with pytest.raises(UserError, match="cannot be read"):
            load_checkpoint(Path(name), "generator")
    assert not Path("owned").exists()


def test_a_folder_is_held_by_one_and_left_clean() -> None:
    with locked(Path("out")), pytest.raises(UserError, match="another run"), locked(Path("out")):
        pass
    assert not Path("out").exists()
    with locked(Path("out")):
        write_bytes(Path("out/result"), b"")
    assert [p.name for p in Path("out").iterdir()] == ["result"]


def test_scratch_follows_content_and_dvc_root(monkeypatch: pytest.MonkeyPatch) -> None:
    assert scratch_folder("s", {"a": 1, "b": 2}) == scratch_folder("s", {"b": 2, "a": 1})
    assert scratch_folder("s", {"a": 1}) != scratch_folder("s", {"a": 2})
    monkeypatch.setenv("DVC_ROOT", "/elsewhere")
    assert scratch_folder("s", {}).parts[:3] == ("/", "elsewhere", ".ssavl")
