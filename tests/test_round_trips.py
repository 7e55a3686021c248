"""What one command writes, every other reads; and nobody decodes another generator's latents."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ssavl.images.stream import ImageStream
from tests.conftest import invoke, tiny_overrides

ENCODERS = ("--encoders", "data/encoders")
DATA = "few.npy"

# Writers of tables of latents, and readers. A new one is one line here.
WRITERS: dict[str, Callable[[str], tuple[str, ...]]] = {
    "encode": lambda out: ("encode", DATA, *ENCODERS, "-o", out),
    "invert": lambda out: ("invert", DATA, *ENCODERS, "--refine", "2", "-o", out),
    "sample": lambda out: ("sample", *ENCODERS, "-n", "4", "-o", "x.npy", "--latents", out),
}
READERS: dict[str, Callable[[str], tuple[str, ...]]] = {
    "decode": lambda table: ("decode", table, *ENCODERS, "-o", "read.npy"),
    "interpolate": lambda table: ("interpolate", table, *ENCODERS, "-o", "read.png"),
}
FORMATS = (".npz", ".csv", ".parquet")


def run(*arguments: str) -> None:
    result = invoke(*arguments, *tiny_overrides())
    assert result.exit_code == 0, result.output


@pytest.fixture
def few(data: Path) -> Path:
    np.save(DATA, np.load("data/prepared/images.npy")[:4])
    return data


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize("writer", WRITERS)
def test_every_table_of_latents_is_read_by_every_command(writer: str, ending: str) -> None:
    run(*WRITERS[writer](f"z{ending}"))
    for reader, call in READERS.items():
        run(*call(f"z{ending}"))
        assert Path("read.npy" if reader == "decode" else "read.png").is_file()
    if ending != ".npz":
        expected = np.load("read.npy").astype(int)
        run(*WRITERS[writer]("z.npz"))
        run(*READERS["decode"]("z.npz"))
        assert np.abs(np.load("read.npy").astype(int) - expected).max() <= 1


@pytest.mark.usefixtures("few")
def test_decoding_an_encoding_is_the_reconstruction() -> None:
    for ending in FORMATS:
        run("encode", DATA, *ENCODERS, "-o", f"z{ending}")
        run("decode", f"z{ending}", *ENCODERS, "-o", "decoded.npy")
        run("reconstruct", DATA, *ENCODERS, "-o", "versions.npy")
        apart = np.load("decoded.npy").astype(int) - np.load("versions.npy").astype(int)
        assert np.abs(apart).max() <= 1


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("ending", FORMATS)
def test_latents_of_another_generator_are_refused_unless_asked_for(ending: str) -> None:
    run("encode", DATA, *ENCODERS, "-o", f"z{ending}")
    run("train-gan", "--out", "other", "--seed", "5")
    gan = ("--gan", "other/generator.pt")
    result = invoke("decode", f"z{ending}", *gan, "-o", "x.npy")
    assert result.exit_code == 1
    assert "latents of a generator with other weights" in result.stderr
    assert not Path("x.npy").exists()
    run("decode", f"z{ending}", *gan, "--any-generator", "-o", "x.npy")


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize(
    ("ending", "spoil", "message"),
    [
        (".csv", lambda text: text.replace("noise_0", "other"), "columns of noise"),
        (".csv", lambda text: text.replace("category,", "class,"), "no column category"),
        (".csv", lambda text: text + "a,b\n", "no table of latents"),
        (".csv", lambda text: text.split("\n")[0], "no number in it"),
        (".csv", lambda text: "", "no column"),
        (".parquet", lambda text: "nothing", "no table of latents"),
        (".npz", lambda text: "nothing", "cannot be read"),
    ],
)
def test_tables_that_are_none_are_refused_in_one_line(
    ending: str, spoil: Callable[[str], str], message: str
) -> None:
    run("encode", DATA, *ENCODERS, "-o", "z.csv")
    Path(f"bad{ending}").write_text(spoil(Path("z.csv").read_text().replace("\r\n", "\n")))
    for call in READERS.values():
        result = invoke(*call(f"bad{ending}"))
        assert result.exit_code == 1, result.output
        assert message in result.stderr
        assert result.stderr.count("\n") == 1


@pytest.mark.usefixtures("few")
def test_a_sheet_shows_originals_encodings_and_refinements() -> None:
    run("reconstruct", DATA, *ENCODERS, "-o", "versions", "--sheet", "sheet.png", "--refine", "2")
    with Image.open("sheet.png") as sheet:
        assert sheet.width > sheet.height / 2
    run("interpolate", DATA, *ENCODERS, "--refine", "2", "-o", "walk.png")


@pytest.mark.usefixtures("few")
def test_a_reference_is_scored_once_and_kept_beside_the_encoders() -> None:
    score = ("score", DATA, *ENCODERS, "--samples", "2", "--among", "50", "-o")
    run(*score, "a.csv")
    (kept,) = Path("data/encoders").glob("score-*.json")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ssavl.uses.reference._computed", lambda *a: pytest.fail("scored again"))
        run(*score, "b.csv")
    assert Path("a.csv").read_bytes() == Path("b.csv").read_bytes()
    kept.write_text("{}")
    run(*score, "c.csv")
    assert Path("a.csv").read_bytes() == Path("c.csv").read_bytes()
    run("score", DATA, *ENCODERS, "--samples", "2", "--among", "0", "-o", "none.csv")
    with Path("none.csv").open() as file:
        assert "rank" not in next(csv.reader(file))


def peak(*arguments: str) -> float:
    """MiB that a command of its own process takes at most."""
    # not ru_maxrss, which a process inherits from the one that started it
    code = (
        "import sys; from pathlib import Path; from ssavl.cli.main import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit as end:\n"
        "    assert not end.code, end.code\n"
        "lines = Path('/proc/self/status').read_text().splitlines()\n"
        "print([int(line.split()[1]) for line in lines if line.startswith('VmHWM')][0] / 1024)"
    )
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return float(done.stdout.split()[-1])


@pytest.mark.slow
@pytest.mark.usefixtures("few")
@pytest.mark.parametrize(
    "command", [("reconstruct", "-o", "x.npy"), ("score", "--samples", "1", "-o", "x.csv")]
)
def test_memory_does_not_grow_with_the_number_of_images(command: tuple[str, ...]) -> None:
    words, *rest = command
    images = np.load("data/prepared/images.npy")
    found = []
    for count in (2000, 40000):
        np.save("many.npy", np.resize(images, (count, *images.shape[1:])))
        found.append(peak(words, "many.npy", *ENCODERS, *rest))
    assert found[1] - found[0] < 19, found  # MiB: half a KiB per image


NAMES = [b"caf\xe9.png", b"a b(c).png", b"new\nline.png", b"n" * 250 + b".png", "ü😀.png".encode()]


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("ending", FORMATS)
def test_names_of_any_bytes_are_read_and_written(ending: str) -> None:
    folder = Path(os.fsdecode(b"photos/caf\xe9"))
    folder.mkdir(parents=True)
    for name in NAMES:
        Image.fromarray(np.load(DATA)[0, 0]).save(folder / os.fsdecode(name), "PNG")
    (folder / os.fsdecode(b"br\xf6ken.png")).write_bytes(b"no image")
    run("encode", "photos", *ENCODERS, "-o", f"z{ending}")
    run("reconstruct", "photos", *ENCODERS, "-o", "versions")
    run("score", "photos", *ENCODERS, "--among", "10", "--samples", "1", "-o", f"s{ending}")
    assert len(list(Path("versions").glob("*.png"))) == len(NAMES)
    stream = ImageStream([Path("photos")], (1, 28, 28))
    names = next(stream.batches(9))[0]
    assert all(name.encode() for name in names)
    classes = ("prepare-data", "--root", "photos", "--class-folders", "--out", "p")
    result = invoke(*classes, *tiny_overrides(prepare_data__validation=0))
    assert result.exit_code == 0, result.output
