"""Several runs in one table."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from scipy import stats

from ssavl.cli import results
from ssavl.metrics.summary import DIRECTIONS, summarise, winner
from ssavl.storage.files import write_json
from ssavl.uses.paper import LAYOUTS
from tests.conftest import invoke, tiny_overrides


def test_a_summary_is_the_textbook_one() -> None:
    values = [0.9, 0.95, 0.97, 0.94]
    own = summarise(values, "up")
    interval = stats.t.interval(0.95, 3, loc=own.mean, scale=stats.sem(values))
    assert own.mean == pytest.approx(0.94)
    assert own.std == pytest.approx(stats.tstd(values))
    assert [own.low, own.high] == pytest.approx(list(interval))
    assert (own.best, own.worst, own.n) == (0.97, 0.9, 4)
    assert summarise(values, "down").best == 0.9
    assert summarise(values, None).best is None
    alone = summarise([2.0], "up")
    assert (alone.std, alone.low, alone.high, alone.n) == (0, 2, 2, 1)
    with pytest.raises(ValueError, match="at least one"):
        summarise([], "up")


def test_a_winner_is_clear_of_every_other_interval() -> None:
    high, low, between = (
        summarise([10, 10.1, 9.9], "up"),
        summarise([1, 1.1, 0.9], "up"),
        summarise([1, 5, 9.8], "up"),
    )
    assert winner({"a": high, "b": low}, "up") == "a"
    assert winner({"a": high, "b": low}, "down") == "b"
    assert winner({"a": high, "b": low, "c": between}, "up") is None
    assert winner({"a": high, "b": summarise([1], "up")}, "up") is None
    assert winner({"a": high, "b": low}, None) is None


def write_runs() -> list[str]:
    for seed in range(3):
        for name, accuracy in (("ours", 0.95), ("theirs", 0.6)):
            metrics = {
                "ssavl": {"accuracy": accuracy + 0.01 * seed, "mse": 30.0 + seed, "ll_code": None}
            }
            write_json(Path(f"{name}-{seed}/metrics.json"), metrics)
    return [f"{name}={name}-{seed}" for name in ("ours", "theirs") for seed in range(3)]


@pytest.mark.parametrize("ending", ["json", "csv", "md", "tex"])
def test_compare_writes_every_format(ending: str) -> None:
    result = invoke("compare", *write_runs(), "-o", f"t.{ending}")
    assert result.exit_code == 0, result.output
    assert "**0.96 ± 0.01 [0.9352, 0.9848] (3)**" in result.output
    text = Path(f"t.{ending}").read_text()
    if ending == "json":
        found = json.loads(text)
        assert set(found["ours"]["accuracy"]) == {
            "mean",
            "std",
            "best",
            "worst",
            "low",
            "high",
            "n",
        }
        assert found["theirs"]["mse"]["best"] == 30
    elif ending == "csv":
        rows = list(csv.DictReader(text.splitlines()))
        assert [(row["row"], row["metric"]) for row in rows][:2] == [
            ("ours", "accuracy"),
            ("ours", "mse"),
        ]
    elif ending == "tex":
        assert r"accuracy & $\mathbf{0.96 \pm 0.01}$ & $0.61 \pm 0.01$ \\" in text
    else:
        assert text == result.output


def test_rows_of_earlier_runs_can_be_kept() -> None:
    runs = write_runs()
    assert invoke("compare", *runs, "-o", "whole.json").exit_code == 0
    assert invoke("compare", *runs[:3], "-o", "t.json").exit_code == 0  # ours
    # A wrong run, which the right ones then replace.
    assert invoke("compare", "theirs=ours-0", "-o", "t.json", "--keep").exit_code == 0
    result = invoke("compare", *runs[3:], "-o", "t.json", "--keep")
    assert Path("t.json").read_bytes() == Path("whole.json").read_bytes()
    assert result.output == invoke("compare", *runs).output


def test_judged_walks_are_compared_too() -> None:
    for seed, kept in ((0, 0.9), (1, 0.8)):
        block = {"mean": kept, "worst": {"dimension": "code_1", "kept": kept - 0.1}}
        values = [
            {"value": 0, "class": "3", "share": 1.0},
            {"value": 1, "class": "8", "share": kept},
        ]
        folder = Path(f"walks-{seed}")
        folder.mkdir()
        found = {"blocks": {"code": block}, "categories": {"category": values}}
        (folder / "traversal.json").write_text(json.dumps(found))
    invoke("compare", "a=walks-0", "a=walks-1", "-o", "walks.json")
    row = json.loads(Path("walks.json").read_text())["a"]
    assert row["kept_code"]["mean"] == pytest.approx(0.85)
    assert row["kept_code_worst"]["worst"] == pytest.approx(0.7)
    assert row["pure_category"]["mean"] == pytest.approx((1 + 0.85) / 2)
    assert row["pure_category_worst"]["worst"] == pytest.approx(0.8)


def test_several_models_of_a_run_have_a_row_each(data: Path) -> None:
    assert invoke("evaluate", *tiny_overrides()).exit_code == 0
    result = invoke("compare", "tiny=data/evaluate")
    assert result.exit_code == 0, result.output
    assert result.output.startswith("| | tiny/ssavl | tiny/ssavl-r | tiny/k-means |")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a=nowhere"], "does not exist"),
        (["ours=ours-0", "-o", "t.csv", "--keep"], "name its .json"),
        (["ours=ours-0", "-o", "t.json", "--keep"], "t.json does not exist"),
        (["ours=ours-0", "-o", "ours-0/metrics.json", "--keep"], "no summary of runs"),
    ],
)
def test_what_cannot_be_compared_is_refused(arguments: list[str], message: str) -> None:
    write_runs()
    result = invoke("compare", *arguments)
    assert result.exit_code == 1
    assert message in result.stderr


def test_the_runs_of_a_study_are_found_by_their_folders() -> None:
    for name, model in (("beta-vae", "beta-vae"), ("dec", "dec")):
        for seed in range(2):
            values = {model: {"accuracy": 0.5 + 0.1 * seed}}
            write_json(Path(f"data/{name}-{seed}/evaluate/metrics.json"), values)
    Path("data/prepared").mkdir()
    Path("data/unfinished-0/model").mkdir(parents=True)
    result = invoke("compare", "--runs", "data", "-o", "t.json")
    assert result.exit_code == 0, result.output
    table = json.loads(Path("t.json").read_text())
    assert {name: row["accuracy"]["n"] for name, row in table.items()} == {"beta-vae": 2, "dec": 2}
    Path("nothing").mkdir()
    assert "nothing has no run" in invoke("compare", "--runs", "nothing").stderr
    assert invoke("compare").exit_code == 1


def test_a_table_of_the_paper_has_both_numbers_in_its_rows() -> None:
    def runs(name: str, *accuracies: float) -> list[str]:
        for seed, accuracy in enumerate(accuracies):
            own = {"accuracy": accuracy, "accuracy_majority": accuracy + 0.01, "mse": 30.0}
            model = name.partition("-k")[0]
            write_json(Path(f"study/{name}-{seed}/evaluate/metrics.json"), {model: own})
        return ["--runs", "study"]

    arguments = [*runs("infogan", 0.9, 0.92), *runs("gmvae-k30", 0.4), *runs("clustergan", 0.8)]
    result = invoke("compare", "--paper", "1", *arguments[:2])
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert (
        "| InfoGAN | 1 | 91.98 | 93.35 | 91.00 ± 1.41 (92.00) | 92.00 ± 1.41 (93.00) | 2 |" in lines
    )
    assert "| GMVAE | 30 | 87.45 | 89.27 | 40.00 | 41.00 | 1 |" in lines
    assert "| GMVAE | 16 | 87.12 | 87.82 | - | - | 0 |" in lines
    assert "| `clustergan` | - | - | - | 80.00 | 81.00 | 1 |" in lines
    squared = invoke("compare", "--paper", "4", *arguments[:2])
    assert "| SS-AVL-R | -53.14 | 34.04 | - | - | 0 |" in squared.output.splitlines()
    nothing = invoke("compare", "--paper", "2", *arguments[:2])
    assert nothing.exit_code == 1
    assert "no run has a factor_vae_jointvae" in nothing.output


def test_every_metric_of_the_paper_tables_is_one_that_has_a_direction() -> None:
    for layout in LAYOUTS.values():
        assert {metric for metric, _, _ in layout.metrics.values()} <= set(DIRECTIONS)
        assert layout.reads in DIRECTIONS
        assert all(len(row.values) == len(layout.printed) for row in layout.rows)


def test_the_command_knows_every_table_of_the_paper() -> None:
    assert tuple(LAYOUTS) == results.PAPER


def test_no_model_of_a_run_takes_the_row_of_another() -> None:
    """A run may be named after one of its models, and so begin with the name of another."""
    own = {"ssavl": {"accuracy": 0.5}, "ssavl-r": {"accuracy": 0.6}}
    write_json(Path("own/metrics.json"), own)
    write_json(Path("other/metrics.json"), {"vae": {"accuracy": 0.2}})
    for name in ("ssavl-r", "ssavl-r-wide"):
        arguments = [f"{name}=own", "vae-long=other", "-o", f"{name}.json"]
        assert invoke("compare", *arguments).exit_code == 0
        table = json.loads(Path(f"{name}.json").read_text())
        assert {row: own["accuracy"]["mean"] for row, own in table.items()} == {
            name: 0.6,
            f"{name}/ssavl": 0.5,
            "vae-long": 0.2,
        }


def test_kmeans_stands_in_a_table_of_the_paper_once_for_each_number_of_categories() -> None:
    def beside(run: str, seeds: int, accuracy: float) -> None:
        for seed in range(seeds):
            folder = Path(f"study/{run}-{seed}/evaluate")
            model = run.partition("-k")[0]
            write_json(folder / "metrics.json", {model: {"accuracy": 0.3}})
            write_json(folder / "baselines.json", {"k-means": {"accuracy": accuracy}})

    beside("age", 1, 0.52)
    beside("dec", 2, 0.53)
    beside("gmvae-k30", 1, 0.32)
    lines = invoke("compare", "--paper", "1", "--runs", "study").output.splitlines()
    assert [line for line in lines if "k-means" in line] == [
        "| `k-means` | - | - | - | 53.00 ± 0.00 (53.00) | - | 2 |",
        "| `k-means-k30` | - | - | - | 32.00 | - | 1 |",
    ]
