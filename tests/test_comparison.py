"""``render comparison``: methods side by side, from a summary alone."""

from __future__ import annotations

import json
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest

from ssavl.figures.comparison import comparison_plot
from ssavl.metrics.summary import summarise
from tests.conftest import invoke

TABLE = {
    "ours": {
        "accuracy": summarise([0.95, 0.97, 0.96], "up"),
        "mse": summarise([30, 31, 33], "down"),
    },
    "theirs": {"accuracy": summarise([0.6], "up")},
}


def write_summary(path: str = "summary.json") -> None:
    plain = {
        row: {metric: own.plain() for metric, own in metrics.items()}
        for row, metrics in TABLE.items()
    }
    Path(path).write_text(json.dumps(plain))


def test_intervals_and_points_are_the_summarys() -> None:
    figure = comparison_plot(TABLE, ["accuracy", "mse"])
    accuracy, mse = figure.axes
    assert accuracy.get_title() == "accuracy (higher is better)"
    assert mse.get_title() == "mse (lower is better)"
    assert [label.get_text() for label in accuracy.get_yticklabels()] == [
        "ours (n = 3)",
        "theirs (n = 1)",
    ]
    points = [
        container.lines[0].get_xdata()[0]  # type: ignore[attr-defined]
        for container in accuracy.containers
    ]
    assert points == pytest.approx([0.96, 0.6])
    (segment,) = accuracy.containers[0].lines[2][0].get_segments()  # type: ignore[attr-defined]
    own = TABLE["ours"]["accuracy"]
    assert segment[:, 0].tolist() == pytest.approx([own.low, own.high])
    assert not accuracy.containers[1].lines[2]  # type: ignore[attr-defined]
    assert len(mse.containers) == 1


def test_the_command_draws_without_a_generator() -> None:
    write_summary()
    result = invoke(
        "render",
        "comparison",
        "summary.json",
        "--metric",
        "accuracy",
        "--metric",
        "mse",
        "-o",
        "c.png",
    )
    assert result.exit_code == 0, result.output
    two = iio.imread("c.png")
    assert invoke("render", "comparison", "summary.json", "-o", "common.png").exit_code == 0
    one = iio.imread("common.png")  # by default what all rows have: accuracy alone
    assert one.shape[1] < two.shape[1]
    assert np.ptp(two) > 0


def test_it_reads_what_compare_writes() -> None:
    for seed, accuracy in enumerate((0.9, 0.8)):
        Path(f"r{seed}").mkdir()
        Path(f"r{seed}/metrics.json").write_text(
            json.dumps({"ssavl": {"accuracy": accuracy, "ll_code": None}})
        )
    assert invoke("compare", "a=r0", "a=r1", "-o", "s.json").exit_code == 0
    result = invoke("render", "comparison", "s.json")
    assert result.exit_code == 0, result.output
    assert Path("comparison.png").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.json"], "nowhere.json does not exist"),
        (["list.json"], "no summary of runs"),
        (["metrics.json"], "no summary of runs"),
        (["empty.json"], "no row"),
        (["summary.json", "--metric", "fid"], "no metric 'fid', only accuracy, mse"),
    ],
)
def test_what_cannot_be_drawn_is_refused(arguments: list[str], message: str) -> None:
    write_summary()
    Path("list.json").write_text("[1]")
    Path("metrics.json").write_text('{"ssavl": {"accuracy": 0.9}}')
    Path("empty.json").write_text("{}")
    result = invoke("render", "comparison", *arguments)
    assert result.exit_code == 1
    assert message in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert not list(Path().glob("*.p[nd]*"))
