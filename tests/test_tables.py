"""Tables that are written batch by batch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ssavl.errors import UserError
from ssavl.storage.tables import open_table

BATCHES = [
    {
        "name": np.array(["a", "b,c"]),
        "z": np.array([[1.0, 2], [3, 4]], np.float32),
        "k": np.array([0, 1]),
    },
    {
        "name": np.array(['quo"te\nä-and-longer']),
        "z": np.array([[5.0, 6]], np.float32),
        "k": np.array([2]),
    },
]
NAMES = ["a", "b,c", 'quo"te\nä-and-longer']


@pytest.mark.parametrize("ending", [".npz", ".csv", ".parquet"])
def test_what_is_written_is_read_again(ending: str) -> None:
    path = Path(f"t{ending}")
    with open_table(path) as table:
        for batch in BATCHES:
            table.write(batch)
        assert not path.exists()
    if ending == ".npz":
        read = np.load(path)
        assert read["name"].tolist() == NAMES
        assert np.array_equal(read["z"], [[1, 2], [3, 4], [5, 6]])
        assert read["k"].dtype == np.int64
        return
    import pyarrow.csv
    import pyarrow.parquet

    options = pyarrow.csv.ParseOptions(newlines_in_values=True)
    table_read = (
        pyarrow.parquet.read_table(path)
        if ending == ".parquet"
        else pyarrow.csv.read_csv(path, parse_options=options)
    )
    assert table_read.column_names == ["name", "z_0", "z_1", "k"]
    assert table_read["name"].to_pylist() == NAMES
    assert table_read["z_1"].to_pylist() == [2, 4, 6]


@pytest.mark.parametrize("ending", [".npz", ".csv", ".parquet"])
def test_a_failure_keeps_the_old_table(ending: str) -> None:
    path = Path(f"t{ending}")
    path.write_bytes(b"old")

    def fail() -> None:
        with open_table(path) as table:
            table.write(BATCHES[0])
            raise UserError("stop")

    with pytest.raises(UserError, match="stop"):
        fail()
    assert path.read_bytes() == b"old"
    assert [p.name for p in Path().iterdir()] == [path.name]


@pytest.mark.parametrize("ending", [".npz", ".csv", ".parquet"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_no_table_holds_what_is_not_finite(ending: str, value: float) -> None:
    out = Path(f"t{ending}")
    good = {"name": np.array(["a", "b"]), "x": np.zeros((2, 3))}
    bad = {"name": np.array(["c", "d"]), "x": np.array([[0, 1, 2], [0, value, 2]])}

    def write() -> None:
        with open_table(out) as table:
            table.write(good)
            table.write(bad)

    with pytest.raises(UserError, match="x of d is not finite"):
        write()
    assert not list(Path().iterdir())
