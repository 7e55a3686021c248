"""No file makes a command do more than say what is wrong with it.

Each hostile file (:mod:`tests.hostile.rules`) stands where a command reads a good one. Then: one
line on stderr and status 1, or, where something right can be meant, the command's success; never a
traceback, never half as much memory again as with the good file, and nothing written but what the
command was told to.
"""

from __future__ import annotations

import gzip
import os
import random
import shutil
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from click.testing import Result

from tests.conftest import invoke
from tests.hostile import rules
from tests.hostile.rules import Case

OUT = "written"
LONGEST = 1100  # characters of a line
SECONDS = 5.0
CHOSEN = 40  # cases of a target in the suite, which must stay short

CASES_RUN: dict[str, int] = {}


@dataclass(frozen=True)
class Target:
    """A file, the command that reads it, and what may stand in its place.

    Attributes:
        file: relative to a folder with all that commands read.
        arguments: of a command that succeeds with the good file.
        cases: of the good file.
    """

    file: str
    arguments: str
    cases: Callable[[Path], Iterator[Case]]


def checkpoint(*free: str) -> Callable[[Path], Iterator[Case]]:
    def cases(path: Path) -> Iterator[Case]:
        content = torch.load(path, weights_only=True)
        yield from rules.of_document(content, rules.dump_torch, free)
        yield from rules.of_bytes(path.read_bytes())
        yield from rules.of_pickle()

    return cases


def document(dump: rules.Dump, *free: str) -> Callable[[Path], Iterator[Case]]:
    def cases(path: Path) -> Iterator[Case]:
        yield from rules.of_document(yaml.safe_load(path.read_text()), dump, free)
        yield from rules.of_bytes(path.read_bytes(), text=dump is rules.dump_yaml)

    return cases


def archive(*needed: str) -> Callable[[Path], Iterator[Case]]:
    def cases(path: Path) -> Iterator[Case]:
        with np.load(path) as good:
            yield from rules.of_npz(dict(good), needed)

    return cases


def array(path: Path) -> Iterator[Case]:
    yield from rules.of_npy(np.load(path))


def images_idx(path: Path) -> Iterator[Case]:
    good = np.arange(6 * 28 * 28, dtype=np.uint8).reshape(6, 28, 28)
    yield from rules.of_idx(good, path.suffix == ".gz")


def labels_idx(path: Path) -> Iterator[Case]:
    yield from rules.of_idx(np.arange(6, dtype=np.uint8), path.suffix == ".gz")


def latents(path: Path) -> Iterator[Case]:
    """Of a table that has no column ``file``; some damages leave one that can be read."""
    text = path.suffix == ".csv"
    for case in rules.of_bytes(path.read_bytes(), text=text):
        yield Case(case.name, case.write, case.refused and not text)


def table(path: Path) -> Iterator[Case]:
    yield from rules.of_table(path.read_text())


W = f"-o {OUT}/w.npz"
results = document(rules.dump_json, "*")
PREPARE = "prepare-data --set prepare-data.validation=0 --dataset"
MNIST = f"{PREPARE} mnist --root idx --out {OUT}"
TARGETS = (
    Target("whole.pt", "sample -n 2 --gan whole.pt -o written/s.npy", checkpoint("params")),
    Target("whole.pt", f"encode own.npy --encoders whole.pt {W}", checkpoint("params")),
    Target(
        "data/gan/generator.pt",
        f"fit-encoders --gan data/gan/generator.pt --out {OUT}",
        checkpoint("params"),
    ),
    Target("old/generator.pt", "sample -n 2 --gan old/generator.pt -o written/s.npy", checkpoint()),
    Target("data/encoders/encoders.pt", f"encode own.npy {W}", checkpoint("params")),
    Target(
        "data/extractor/extractor.pt",
        f"evaluate fidelity -n 10 --split train --cache {OUT}/cache --out {OUT}",
        checkpoint("data", "accuracy"),
    ),
    Target(
        "portable/model.json",
        f"encode own.npy --encoders portable/model.safetensors {W}",
        document(rules.dump_json, "params"),
    ),
    Target(
        "portable/model.safetensors",
        f"encode own.npy --encoders portable/model.safetensors {W}",
        lambda path: rules.of_bytes(path.read_bytes()),
    ),
    Target("dcgan.gan.yaml", "inspect --gan dcgan.pt", document(rules.dump_yaml)),
    Target("params.yaml", "train-gan --dry-run", document(rules.dump_yaml, "methods")),
    Target(
        "data/prepared/manifest.json",
        f"train-extractor --out {OUT}",
        document(rules.dump_json, "unreadable"),
    ),
    Target("data/prepared/images.npy", f"train-extractor --out {OUT}", array),
    Target("data/prepared/labels.npy", f"train-extractor --out {OUT}", array),
    Target("own.npy", f"encode own.npy {W}", array),
    Target("own.npz", "decode own.npz -o written/d.npy", archive("latents")),
    Target("latents.csv", "decode latents.csv -o written/d.npy", latents),
    Target("latents.parquet", "decode latents.parquet -o written/d.npy", latents),
    Target("latents.csv", "interpolate latents.csv -o written/walk.png", latents),
    Target(
        "codes.npz",
        f"evaluate disentanglement --codes codes.npz --out {OUT}",
        archive("codes", "factors"),
    ),
    Target("idx/train-images-idx3-ubyte", MNIST, images_idx),
    Target("idx/train-labels-idx1-ubyte", MNIST, labels_idx),
    Target("idx/t10k-images-idx3-ubyte.gz", MNIST, images_idx),
    Target("idx/t10k-labels-idx1-ubyte.gz", MNIST, labels_idx),
    Target(
        "sprites.npz",
        f"{PREPARE} dsprites --root sprites.npz --out {OUT}",
        archive("imgs", "latents_classes", "latents_values"),
    ),
    Target(
        "factors.csv",
        f"evaluate disentanglement --encoders data/encoders --data factors.csv --out {OUT}",
        table,
    ),
    Target("data/evaluate/metrics.json", "metrics data/evaluate", results),
    Target("data/evaluate/baselines.json", "metrics data/evaluate", results),
    Target("data/evaluate/metrics.json", "compare a=data/evaluate", results),
    Target(
        "data/disentangled/disentanglement.json",
        "compare a=data/disentangled",
        document(rules.dump_json, "*", "data", "protocol", "tables"),
    ),
    Target(
        "summary.json",
        "render comparison summary.json --metric mse -o written/c.png",
        document(rules.dump_json, "*"),
    ),
)


@pytest.fixture(scope="module")
def place(laid_out: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every file that a command reads."""
    root = tmp_path_factory.mktemp("hostile") / "place"
    shutil.copytree(laid_out, root)
    here = Path.cwd()
    os.chdir(root)
    try:
        lay_out()
    finally:
        os.chdir(here)
    return root


def lay_out() -> None:
    """Add what the study does not leave."""
    from dataclasses import replace

    from ssavl.models.files import load_model, save_model
    from ssavl.networks.classifier import Classifier
    from ssavl.networks.embedding import Embedding
    from ssavl.networks.trunk import Trunk
    from tests import strangers

    generator = load_model(Path("data/gan/generator.pt"))
    encoders = load_model(Path("data/encoders/encoders.pt"))
    assert generator.generator is not None
    shape = generator.generator.image_shape
    trunk = Trunk(shape, 4, 8)
    whole = replace(
        generator,
        inference=encoders.inference,
        clusterer=Classifier(trunk, 3),
        sorter=Embedding(trunk, 4, 46, 2),
    )
    save_model(Path("whole.pt"), whole)
    Path("portable").mkdir()
    save_model(Path("portable/model.safetensors"), replace(whole, clusterer=None, sorter=None))
    content = torch.load("data/gan/generator.pt", weights_only=True)
    parts = content["parts"]
    old = {"ssavl": 1, "kind": "generator"}
    old |= {key: parts["generator"][key] for key in ("config", "state")}
    old["encoders"] = [
        {key: one[key] for key in ("config", "state")} for one in parts["training_encoders"]
    ]
    Path("old").mkdir()
    torch.save(old, "old/generator.pt")
    torch.save(strangers.trained(strangers.DCGAN()).state_dict(), "dcgan.pt")
    Path("dcgan.gan.yaml").write_text(
        "latents: [{role: noise, prior: normal, dim: 6, name: z}]\nlatent_shape: [6, 1, 1]\n"
        "separate: false\noutput_range: [-1, 1]\n"
    )
    rng = np.random.default_rng(0)
    np.savez(
        "codes.npz",
        codes=rng.normal(size=(60, 3)),
        factors=rng.integers(0, 3, (60, 2)),
        kl=rng.random(3),
        categories=np.zeros(3, np.int64),
        names=np.array(["a", "b", "c"]),
        factor_names=np.array(["f", "g"]),
    )
    for ending in ("csv", "parquet"):
        sampled = invoke("sample", "-n", "4", "-o", "made.npy", "--latents", f"latents.{ending}")
        assert sampled.exit_code == 0, sampled.output
    lay_out_sources()
    assert (
        invoke(
            "evaluate", "disentanglement", "--out", "data/disentangled", "--codes", "codes.npz"
        ).exit_code
        == 0
    )


def lay_out_sources() -> None:
    """Data sets of others."""
    Path("idx").mkdir()
    images = np.arange(6 * 28 * 28, dtype=np.uint8).reshape(6, 28, 28)
    labels = np.arange(6, dtype=np.uint8)
    for name, array in (("images-idx3", images), ("labels-idx1", labels)):
        content = rules.idx(8, array.shape, array.tobytes())
        Path(f"idx/train-{name}-ubyte").write_bytes(content)
        Path(f"idx/t10k-{name}-ubyte.gz").write_bytes(gzip.compress(content))
    sizes = (1, 2, 1, 2, 1, 2)
    classes = np.stack(np.unravel_index(np.arange(8), sizes), axis=1).astype(np.int64)
    np.savez(
        "sprites.npz",
        imgs=np.ones((8, 64, 64), np.uint8),
        latents_classes=classes,
        latents_values=classes.astype(np.float64),
    )


def listing(root: Path) -> dict[str, tuple[int, int]]:
    """Every file but those that a command may write, and whether it was touched."""
    found = {}
    for path in root.rglob("*"):
        if not {OUT, ".ssavl"} & set(path.parts) and not path.is_dir():
            state = path.stat()
            found[str(path)] = (state.st_size, state.st_mtime_ns)
    return found


def peak() -> int:
    """Memory of this process at its highest since the last reset, in KiB."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0])


def reset_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def verdict(result: Result, case: Case) -> str:
    """What is wrong with how a command took it; nothing where nothing is."""
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        frames = traceback.extract_tb(result.exception.__traceback__)
        frame = [own for own in frames if "/ssavl/" in own.filename][-1]
        error = f"{type(result.exception).__name__}: {str(result.exception)[:90]}"
        return f"TRACEBACK {error} [{frame.filename.split('/ssavl/')[-1]}:{frame.lineno}]"
    if result.exit_code == 0:
        return "ACCEPTED" if case.refused else ""
    errors = [line for line in result.stderr.splitlines() if not line.startswith("log: ")]
    if result.exit_code != 1:
        return f"STATUS {result.exit_code}"
    if len(errors) != 1 or not errors[0].startswith("Error: ") or len(errors[0]) > LONGEST:
        return f"LINES {len(errors)}: {errors[-1][:200] if errors else ''}"
    return ""


def _too_long(*_: object) -> None:
    raise TimeoutError


@pytest.mark.parametrize("target", TARGETS, ids=lambda t: f"{t.file}: {t.arguments.split(' -')[0]}")
def test_a_hostile_file_is_one_line(
    place: Path, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    signal.signal(signal.SIGALRM, _too_long)
    path = Path(target.file)
    good = path.read_bytes()
    failures: list[str] = []
    count = 0
    try:
        for _ in range(2):
            reset_peak()
            result = invoke(*target.arguments.split())
            assert result.exit_code == 0, result.output
        normal = peak()
        for case in chosen(target.cases(path)):
            path.write_bytes(good)
            case.write(path)
            failures += faults(target, case, normal, place)
            count += 1
    finally:
        path.write_bytes(good)
    CASES_RUN[f"{target.file} {target.arguments}"] = count
    assert not failures, f"{len(failures)} of {count}\n" + "\n".join(failures)


def chosen(cases: Iterator[Case]) -> list[Case]:
    """Some of the cases, the same each time; all where ``SSAVL_TEST_HOSTILE=all``."""
    every = list(cases)
    if os.environ.get("SSAVL_TEST_HOSTILE") == "all" or len(every) <= CHOSEN:
        return every
    return random.Random(0).sample(every, CHOSEN)


def faults(target: Target, case: Case, normal: int, place: Path) -> Iterator[str]:
    """What is wrong with how the target's command takes a case."""
    for folder in (OUT, ".ssavl"):
        shutil.rmtree(folder, ignore_errors=True)
    before = listing(place)
    reset_peak()
    start = time.monotonic()
    signal.alarm(20)
    result = invoke(*target.arguments.split())
    signal.alarm(0)
    if found := verdict(result, case):
        yield f"{case.name[:100]}: {found}"
    if (seconds := time.monotonic() - start) > SECONDS:
        yield f"{case.name[:100]}: took {seconds:.1f} s"
    if peak() > 1.5 * normal:
        yield f"{case.name[:100]}: {peak() / normal:.2f} times the memory"
    if listing(place) != before:
        yield f"{case.name[:100]}: something else was written"
    if result.exit_code and any(p.is_file() for p in Path(OUT).rglob("*")):
        yield f"{case.name[:100]}: a refusal that wrote"


def test_there_are_many(place: Path) -> None:
    assert sum(CASES_RUN.values()) >= 500
