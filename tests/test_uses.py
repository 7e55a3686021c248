"""What people do with fitted encoders: encode, reconstruct, invert, interpolate, score,
sample, decode, export.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import torch
from PIL import Image

import ssavl
from ssavl.errors import UserError
from ssavl.models.files import Saved, load_encoders, save_model
from tests.conftest import image_folder, invoke, tiny_overrides

IMAGES = "data/prepared/images.npy"


def digits(n: int = 12) -> torch.Tensor:
    return torch.from_numpy(np.load(IMAGES)[:n])


def rows_of(path: str) -> list[dict[str, str]]:
    with Path(path).open(newline="") as file:
        return list(csv.DictReader(file))


def test_three_lines_of_python(data: Path) -> None:
    model = ssavl.load("data/encoders")
    z = model.encode(digits())
    x = model.decode(z)
    assert z.shape == (12, model.latent_space.dim)
    assert x.shape == (12, *model.image_shape)
    assert torch.equal(x, model.reconstruct(digits()))
    floats = digits().to(z.device).float() / 255
    assert torch.equal(model.encode(floats), z)


def test_the_package_is_imported_without_torch() -> None:
    code = (
        "import sys, ssavl; assert 'torch' not in sys.modules; ssavl.load; "
        "assert 'torch' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError, match="no attribute 'lode'"):
        _ = ssavl.lode


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (torch.rand(2, 3, 28, 28), r"\(N, 1, 28, 28\) is needed"),
        (2 * torch.rand(2, 1, 28, 28) + 1, "divide by 255"),
        (torch.full((2, 1, 28, 28), torch.nan), "divide by 255"),
    ],
)
def test_images_of_another_kind_are_refused(data: Path, images: torch.Tensor, message: str) -> None:
    with pytest.raises(UserError, match=message):
        ssavl.load("data/encoders").encode(images)


@pytest.mark.parametrize("name", ["z.npz", "z.csv", "z.parquet"])
def test_encode_writes_a_row_per_image_in_every_format(data: Path, name: str) -> None:
    image_folder(Path("more"), per_class=2)
    result = invoke("encode", IMAGES, "more", "-o", name, "--batch-size", "7", "--json")
    assert result.exit_code == 0, result.output
    count = len(np.load(IMAGES)) + 6
    assert json.loads(result.stdout)["images"] == count
    model = ssavl.load("data/encoders")
    z = model.latent_space.split(model.encode(np.load(IMAGES)).cpu())
    if name == "z.npz":
        table = np.load(name)
        assert np.allclose(
            model.latent_space.split(torch.from_numpy(table["latents"]))["noise"], table["noise"]
        )
        noise, category, names = table["noise"], table["category"], table["name"].tolist()
    else:
        if name == "z.csv":
            rows = rows_of(name)
        else:
            import pyarrow.parquet

            rows = pyarrow.parquet.read_table(name).to_pylist()
        noise = np.array([[float(row[f"noise_{i}"]) for i in range(4)] for row in rows])
        category = np.array([int(row["category"]) for row in rows])
        names = [row["name"] for row in rows]
        assert sum(float(rows[0][f"category_probability_{k}"]) for k in range(3)) == pytest.approx(
            1, abs=1e-5
        )
    assert len(noise) == len(names) == count
    assert names[0] == f"{IMAGES}[0]"
    assert names[-1] == "more/square/01.png"
    assert np.allclose(noise[: len(z["noise"])], z["noise"], atol=1e-5)
    assert np.array_equal(category[: len(z["noise"])], z["category"].argmax(1))


def test_encode_leaves_out_what_cannot_be_read_and_says_so(data: Path) -> None:
    image_folder(Path("more"), per_class=1)
    good = Path("more/down/00.png").read_bytes()
    Path("more/cut.png").write_bytes(good[: len(good) // 2])
    result = invoke("encode", "more", "-o", "z.csv")
    assert result.exit_code == 0, result.output
    assert "left out: more/cut.png" in result.stderr
    assert len(rows_of("z.csv")) == 3
    result = invoke("encode", "more/cut.png", "-o", "none.csv")
    assert result.exit_code == 1
    assert "none of the 1 images can be read" in result.stderr
    assert not Path("none.csv").exists()


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((4, 5), np.uint8), "not images"),
        (np.zeros((4, 28, 28), np.int64), "not images"),
        (np.full((4, 28, 28), 3.0, np.float32), "leaves [0, 1]"),
        (np.zeros((4, 20, 20), np.float32), "are needed"),
    ],
)
def test_arrays_of_another_kind_are_refused(data: Path, array: np.ndarray, message: str) -> None:
    np.save("a.npy", array)
    result = invoke("encode", "a.npy", "-o", "z.npz")
    assert result.exit_code == 1
    assert message in result.stderr
    assert not Path("z.npz").exists()


def test_an_unknown_ending_is_refused_before_anything_runs(data: Path) -> None:
    result = invoke("encode", IMAGES, "-o", "z.xlsx")
    assert result.exit_code == 2
    assert ".npz, .csv or .parquet" in result.stderr


def test_reconstruct_writes_images_and_their_errors(data: Path) -> None:
    image_folder(Path("more"), per_class=2, size=40)
    result = invoke("reconstruct", "more", "-o", "out", "--json")
    assert result.exit_code == 0, result.output
    rows = rows_of("out/errors.csv")
    assert [row["name"] for row in rows][:2] == ["more/across/00.png", "more/across/01.png"]
    assert np.mean([float(row["mse"]) for row in rows]) == pytest.approx(
        json.loads(result.stdout)["mse"], rel=1e-5
    )
    for row in rows:
        assert Image.open(Path("out") / row["file"]).size == (28, 28)
    result = invoke("reconstruct", IMAGES, "-o", "out.npy", "--batch-size", "5")
    assert result.exit_code == 0, result.output
    expected = ssavl.load("data/encoders").reconstruct(np.load(IMAGES))
    assert np.abs(np.load("out.npy") / 255 - expected.cpu().numpy()).max() < 0.003


@pytest.mark.parametrize("optimiser", ["adam", "lbfgs"])
def test_invert_is_never_worse_than_the_encoder(data: Path, optimiser: str) -> None:
    flags = [
        "--refine",
        "12",
        "--optimiser",
        optimiser,
        "--prior-weight",
        "0",
        "--pictures",
        "pictures",
        "--json",
    ]
    np.save("few.npy", np.load(IMAGES)[:5])
    result = invoke("invert", "few.npy", "-o", "z.npz", *flags)
    assert result.exit_code == 0, result.output
    table = np.load("z.npz")
    assert (table["mse"] <= table["start_mse"]).all()
    assert (table["mse"] < table["start_mse"] - 1e-3).any()
    assert len(list(Path("pictures").glob("*.png"))) == 5
    model = ssavl.load("data/encoders")
    again = model.decode(torch.from_numpy(table["latents"])).cpu()
    error = (digits(5).float() / 255 - again).square().flatten(1).sum(1)
    assert np.allclose(error, table["mse"], rtol=1e-4)
    category = model.latent_space.split(torch.from_numpy(table["latents"]))["category"]
    # a point of the latent space, not of the simplex
    assert set(category.flatten().tolist()) == {0.0, 1.0}


def exaggerate(folder: Path) -> None:
    """Make encoders tell images apart: the tiny study's give all of them nearly one latent."""
    model = load_encoders(folder)
    for encoder in model.factorised:
        for head in encoder.heads.values():
            head.get_parameter("weight").mul_(100)
    save_model(folder / "encoders.pt", Saved("ssavl", inference=model))


def test_the_walk_that_is_written_goes_from_reconstruction_to_reconstruction(data: Path) -> None:
    exaggerate(data / "encoders")
    np.save("few.npy", np.load(IMAGES)[:3])
    for out in ("walk.png", "walk.gif"):
        result = invoke("interpolate", "few.npy", "-o", out, "--steps", "4")
        assert result.exit_code == 0, result.output
    model = ssavl.load("data/encoders")
    expected = 255 * model.reconstruct(digits(3)).cpu().numpy()[:, 0]

    def apart(picture: np.ndarray, index: int) -> float:
        """Grey levels between a picture and the reconstruction of an image."""
        return float(np.abs(picture - expected[index]).max())

    picture = np.asarray(Image.open("walk.png"))[..., 0]
    assert picture.shape == (2 * 30 - 2, 4 * 30 - 2)  # cells of 28 pixels, 2 between them
    for row in (0, 1):  # from image 0 to 1, from 1 to 2
        band = picture[30 * row : 30 * row + 28]
        first, *middle, last = [band[:, 30 * step : 30 * step + 28] for step in range(4)]
        assert apart(first, row) < 1
        assert apart(last, row + 1) < 1
        for cell in middle:
            assert apart(cell, row) > 2
            assert apart(cell, row + 1) > 2
    frames = iio.imread("walk.gif")[..., 0]
    assert len(frames) == 7  # of 8, because the first walk's end is the second one's start
    for place, index in ((0, 0), (3, 1), (6, 2)):
        assert apart(frames[place], index) < 1


def test_walks_that_cannot_be_written_are_refused(data: Path) -> None:
    np.save("one.npy", np.load(IMAGES)[:1])
    for images, out, message in (
        (["one.npy"], "w.png", "a walk needs 2 to 256 images, not 1"),
        (["one.npy"] * 257, "w.png", "a walk needs 2 to 256 images, not 257"),
    ):
        result = invoke("interpolate", *images, "-o", out)
        assert result.exit_code == 1
        assert message in result.stderr
        assert not Path(out).exists()


def test_score_ranks_images_among_the_generators_own(data: Path) -> None:
    result = invoke("sample", "-n", "30", "-o", "own.npy")
    assert result.exit_code == 0, result.output
    np.save("strange.npy", np.random.default_rng(0).integers(0, 256, (30, 28, 28), dtype=np.uint8))
    found = {}
    for name in ("own", "strange"):
        result = invoke("score", f"{name}.npy", "-o", f"{name}.csv", "--samples", "2", "--json")
        assert result.exit_code == 0, result.output
        found[name] = json.loads(result.stdout)
        rows = rows_of(f"{name}.csv")
        assert len(rows) == 30
        assert {
            "ll",
            "ll_code",
            "ll_noise",
            "kl_noise",
            "kl_code",
            "kl_category",
            "mse",
            "rank",
        } <= set(rows[0])
    assert found["strange"]["rank"] < 0.01 < found["own"]["rank"]


def test_sample_and_decode_agree(data: Path) -> None:
    result = invoke(
        "sample", "-n", "9", "-o", "a", "--latents", "a.npz", "--batch-size", "4", "--seed", "3"
    )
    assert result.exit_code == 0, result.output
    result = invoke("decode", "a.npz", "-o", "b.npy")
    assert result.exit_code == 0, result.output
    for index, image in enumerate(np.load("b.npy")):
        assert np.array_equal(np.array(Image.open(f"a/{index:06}.png")), image[0])
    np.save("z.npy", np.zeros((2, 3), np.float32))
    assert "latents of" in invoke("decode", "z.npy", "-o", "c.npy").stderr
    assert (
        "images.txt does not exist"
        in invoke("decode", IMAGES.replace("npy", "txt"), "-o", "c.npy").stderr
    )


def test_export_gives_the_same_numbers_everywhere_and_is_read_again(data: Path) -> None:
    result = invoke("export", "-o", "out", "--json")
    assert result.exit_code == 0, result.output
    files = json.loads(result.stdout)["files"]
    assert {Path(name).name for name in files} == {
        f"{stem}.{ending}"
        for stem in ("encoders", "generator")
        for ending in ("safetensors", "pt2", "onnx")
    }
    assert max(files.values()) < 1e-4
    original = ssavl.load("data/encoders")
    z = original.encode(digits())
    again = ssavl.load("out/encoders.safetensors")
    assert torch.equal(again.encode(digits()), z)
    assert torch.equal(again.decode(z), original.decode(z))
    # What was exported is a stranger's generator to a fresh start.
    flags = ["--latent-dim", str(z.shape[1])]
    for name, more in (("generator.onnx", []), ("generator.pt2", ["--trust"])):
        result = invoke("inspect", "--gan", f"out/{name}", *flags, *more, "--json")
        assert result.exit_code == 0, result.output


def test_encoders_of_another_generator_are_refused(data: Path) -> None:
    result = invoke("train-gan", "--out", "other", "--seed", "5", *tiny_overrides())
    assert result.exit_code == 0, result.output
    result = invoke("reconstruct", IMAGES, "-o", "out", "--gan", "other/generator.pt")
    assert result.exit_code == 1
    assert "a generator with other weights" in result.stderr
    assert not Path("out").exists()


def test_a_bundle_can_be_moved(data: Path) -> None:
    x = digits(2)
    before = ssavl.load("data/encoders")
    z = before.encode(x)
    x_hat = before.decode(z)
    data.rename("elsewhere")
    model = ssavl.load("elsewhere/encoders")
    assert torch.equal(model.encode(x), z)
    assert torch.equal(model.decode(z), x_hat)
    errors = (x.float() / 255 - x_hat.cpu()).square().flatten(1).sum(1)
    start_errors = model.invert(x, steps=2).start_errors.cpu()
    assert torch.allclose(start_errors, errors, rtol=1e-4)


@pytest.mark.parametrize(
    ("command", "out"),
    [
        *((table, "out.npz") for table in ("encode", "invert", "score")),
        *((pictures, "out.npy") for pictures in ("reconstruct", "sample")),
        ("interpolate", "out.png"),
        ("export", "out"),
    ],
)
def test_dry_runs_of_uses_write_nothing(data: Path, command: str, out: str) -> None:
    before = set(Path().rglob("*"))
    arguments = [] if command in ("sample", "export") else [IMAGES]
    result = invoke(command, *arguments, "-o", out, "--dry-run")
    assert result.exit_code == 0, result.output
    assert "would run" in result.output
    assert set(Path().rglob("*")) == before
