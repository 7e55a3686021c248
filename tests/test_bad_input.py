"""Bad input: one clear line, a non-zero exit, nothing written and nothing lost."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ssavl.storage.files import locked
from tests.conftest import image_folder, invoke, tiny_overrides


def snapshot() -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in Path().rglob("*") if p.is_file()}


TRANSFORMED = ("--set", "fit-encoders.transformations={rotation: 5}")

CASES = {
    "misspelt parameter": (
        ["train-gan", "--set", "train-gan.iteratons=5"],
        "did you mean 'iterations'?",
    ),
    "value out of range": (["fit-encoders", "--set", "beta=-1"], "greater than or equal to 0"),
    "missing parameter file": (
        ["evaluate", "--params", "nowhere.yaml"],
        "nowhere.yaml does not exist",
    ),
    "missing data": (["train-gan", "--data", "nowhere"], "run `ssavl prepare-data` first"),
    "missing image folder": (
        ["prepare-data", "--root", "nowhere"],
        "data folder nowhere does not exist",
    ),
    "empty image folder": (["prepare-data", "--root", "empty"], "holds no image"),
    "missing generator": (["fit-encoders", "--gan", "nowhere.pt"], "nowhere.pt does not exist"),
    "truncated checkpoint": (["fit-encoders", "--gan", "cut.pt"], "cut.pt cannot be read"),
    "wrong kind": (
        ["fit-encoders", "--gan", "data/encoders/encoders.pt"],
        "holds no generator, only encoders",
    ),
    "encoders of another generator": (
        ["evaluate", "--encoders", "other"],
        "fit encoders to this generator",
    ),
    "impossible size": (["train-gan", "--data", "odd"], "no network makes images of 30 pixels"),
    "no labels": (["evaluate", "--data", "unlabelled"], "the data have no labels"),
    "no validation split": (
        [
            "evaluate",
            "--data",
            "unlabelled",
            "--split",
            "validation",
            "--set",
            "evaluate.clustering=false",
        ],
        "no validation images",
    ),
    "unknown gain": (
        ["train-gan", "--set", "networks.generator.block_gain={nois: 0.3}"],
        "block_gain names ['nois']",
    ),
    "transformed images that show nothing": (
        ["fit-encoders", "--objective", "latent-nll", *TRANSFORMED],
        "need fit-encoders.survivors, the blocks that a transformed image still shows",
    ),
    "survivors of no transformation": (
        ["fit-encoders", "--set", "fit-encoders.survivors={category: 1}"],
        "fit-encoders.survivors are learned from transformed images: "
        "set fit-encoders.transformations too",
    ),
    "survivors of real images": (
        [
            *("retrain-R", "--source", "real", "--set", "retrain-R.survivors={category: 1}"),
            *("--set", "retrain-R.transformations={rotation: 5}"),
        ],
        "retrain-R.survivors need retrain-R.source generated",
    ),
    "one category": (["train-gan", "--set", "latents.categories=1"], "1 dimensions are too few"),
    "absent device": (["train-gan", "--device", "cuda:99"], "device 'cuda:99' cannot be used"),
    "missing metrics": (["metrics", "nowhere"], "nowhere/metrics.json does not exist"),
}


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_one_line_and_nothing_is_written(data: Path, case: str) -> None:
    arguments, message = CASES[case]
    Path("empty").mkdir()
    Path("cut.pt").write_bytes((data / "gan/generator.pt").read_bytes()[:-500])
    if "odd" in arguments or "unlabelled" in arguments:
        image_folder(Path("images"), per_class=4)
        size, classes = ("30", "true") if "odd" in arguments else ("28", "false")
        prepared = tiny_overrides(
            prepare_data__root="images",
            prepare_data__image_size=size,
            prepare_data__class_folders=classes,
            prepare_data__validation=0,
        )
        assert (
            invoke(
                "prepare-data", "--out", "odd" if size == "30" else "unlabelled", *prepared
            ).exit_code
            == 0
        )
    if "other" in arguments:
        overrides = tiny_overrides(latents__categories=4)
        assert invoke("train-gan", "--out", "other", *overrides).exit_code == 0
        assert (
            invoke(
                "fit-encoders", "--gan", "other/generator.pt", "--out", "other", *overrides
            ).exit_code
            == 0
        )
    before = snapshot()
    overrides = [] if arguments[0] == "metrics" else tiny_overrides()
    result = invoke(arguments[0], *overrides, *arguments[1:])
    assert result.exit_code == (2 if "invalid value for --set" in result.stderr else 1)
    assert result.stdout == ""
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1, result.stderr
    assert message in result.stderr
    assert snapshot() == before


def test_two_runs_in_one_folder_at_once(data: Path) -> None:
    before = snapshot()
    with locked(data / "gan"):
        result = invoke("train-gan", *tiny_overrides())
    assert result.exit_code == 1
    assert "is in use by another run" in result.stderr
    assert snapshot() == before


@pytest.mark.skipif(
    os.geteuid() != 0 or sys.platform != "linux", reason="only root mounts a small tmpfs"
)
@pytest.mark.parametrize("command", ["prepare-data", "train-gan"])
def test_a_full_disk_costs_nothing_that_was_there(data: Path, command: str) -> None:
    image_folder(Path("images"), per_class=40)
    disk = Path("disk")
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24k", "tmpfs", str(disk)], check=False
    )
    if mounted.returncode:
        pytest.skip("tmpfs cannot be mounted here")
    try:
        precious = disk / "out"
        precious.mkdir()
        name = "images.npy" if command == "prepare-data" else "generator.pt"
        (precious / name).write_bytes(b"precious")
        result = invoke(
            command,
            "--out",
            str(precious),
            *tiny_overrides(
                prepare_data__root="images", networks__generator="{width: 8, hidden: 8}"
            ),
        )
        assert result.exit_code == 1, result.output
        assert "No space left on device; free space or choose another --out" in result.stderr
        assert (precious / name).read_bytes() == b"precious"
        assert [p.name for p in precious.iterdir()] == [name]
    finally:
        subprocess.run(["umount", str(disk)], check=True)
