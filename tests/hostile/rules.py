"""Hostile files from rules: kinds of values x places in a file x formats.

No list of examples. The places of a document are read from a good one as it is written today, and
the kinds of values are those that a format can say; so a new field, or a new file, brings its own
cases along.
"""

from __future__ import annotations

import copy
import gzip
import io
import json
import math
import pickletools
import random
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch

BOMB = 200 << 20  # bytes that a small file unpacks to


@dataclass(frozen=True)
class Case:
    """One hostile file.

    Attributes:
        name: what is wrong, where.
        write: puts it in the place of the good one.
        refused: whether nothing right could be meant by it; else a command may take it.
    """

    name: str
    write: Callable[[Path], object]
    refused: bool = True


@dataclass(frozen=True)
class Raw:
    """Text that stands in a document as it is."""

    text: str


# values that no field of any document has
NOWHERE: dict[str, Any] = {
    "nan": math.nan,
    "inf": math.inf,
    "-inf": -math.inf,
    "integer of 31 digits": 10**30,
    "integer of 400 digits": 10**400,
    "text with a zero": "a\0b",
    "half a surrogate": "\ud800",
    "nested 60 deep": None,  # filled below
}
_deep: Any = 1
for _ in range(60):
    _deep = [_deep]
NOWHERE["nested 60 deep"] = _deep
# values that some field may have
SOMEWHERE: dict[str, Any] = {
    "null": None,
    "true": True,
    "0": 0,
    "-1": -1,
    "0.5": 0.5,
    "a thousand million": 10**9,
    "1e300": 1e300,
    "empty text": "",
    "text": "text",
    "long text": "long" * 5000,
    "path": "../" * 50,
    "empty list": [],
    "list": [1, 2],
    "list of many": [0] * 20_000,
    "empty mapping": {},
    "mapping": {"a": {"b": [1]}},
}
OF_TEXT = {
    "integer of 100,000 digits": Raw("1" + "0" * 10**5),
    "nested 100,000 deep": Raw("[" * 10**5 + "]" * 10**5),
    "mappings 20,000 deep": Raw('{"a":' * 20_000 + "1" + "}" * 20_000),
}
OF_YAML = {
    "date": Raw("2001-01-02"),
    "no date": Raw("2001-99-99"),
    "octets": Raw("!!binary aGk="),
    "set": Raw("!!set {a, b}"),
    "object": Raw("!!python/object/apply:os.getpid []"),
    "alias of itself": Raw("&a [*a]"),
    "alias of nothing": Raw("*nothing"),
    "hexadecimal": Raw("0x" + "f" * 10**5),
    "sexagesimal": Raw(":".join(["59"] * 5000)),
    "sexagesimal of floats": Raw(":".join(["59"] * 5000) + ".5"),
    "key that is a list": Raw("{? [a] : b}"),
    "key that is a number": Raw("{1: b}"),
    "aliases of aliases": Raw(
        "[&a0 [x, x, x, x, x, x, x, x, x, x]"
        + "".join(f", &a{i + 1} [{', '.join([f'*a{i}'] * 10)}]" for i in range(9))
        + "]"
    ),
    "merged aliases": Raw(
        "[&m0 {k: 1}"
        + "".join(f", &m{i + 1} {{<<: [{', '.join([f'*m{i}'] * 10)}]}}" for i in range(8))
        + "]"
    ),
}


def tensors() -> dict[str, Any]:
    """Values that a checkpoint alone can have."""
    return {
        "octets": b"octets",
        "set": {1},
        "tuple": (1, 2),
        "complex": 1j,
        "tensor of no dimension": torch.tensor(1.0),
        "empty tensor": torch.zeros(0),
        "tensor of another shape": torch.zeros(3, 5, 7),
        "tensor of nan": torch.full((4, 4), math.nan),
        "tensor of integers": torch.zeros(4, 4, dtype=torch.int64),
        "complex tensor": torch.zeros(4, 4, dtype=torch.complex64),
        "sparse tensor": torch.zeros(4, 4).to_sparse(),
        "tensor without storage": torch.zeros(4, 4, device="meta"),
        "tensor that repeats one number": torch.zeros(1).expand(10**6, 10**6),
        "parameter": torch.nn.Parameter(torch.zeros(4, 4)),
    }


def of_tensor(good: torch.Tensor) -> dict[str, Any]:
    """What may stand in the place of one."""
    spoilt = good.detach().clone()
    if spoilt.is_floating_point() and spoilt.numel():
        spoilt.view(-1)[0] = math.nan
    else:
        spoilt = spoilt.double() + math.nan
    return {
        "one number is nan": spoilt,
        "another dtype": good.to(torch.float64 if good.dtype != torch.float64 else torch.int32),
        "one dimension more": good.detach()[None],
        "one number, repeated": torch.zeros((), dtype=good.dtype).expand(
            [10**9, *[d + 1 for d in good.shape]]
        ),
    }


Where = tuple[Any, ...]


def places(tree: Any, where: Where = ()) -> Iterator[Where]:
    """Every place in a document; of a list the first entry stands for all."""
    yield where
    if isinstance(tree, Mapping):
        for key, value in tree.items():
            yield from places(value, (*where, key))
    elif isinstance(tree, list | tuple) and tree:
        yield from places(tree[0], (*where, 0))


def at(tree: Any, where: Where) -> Any:
    """What is there."""
    for key in where:
        tree = tree[key]
    return tree


def put(tree: Any, where: Where, value: Any) -> Any:
    """The document with another value there."""
    if not where:
        return value
    key, *rest = where
    changed = list(tree) if isinstance(tree, tuple) else copy.copy(tree)
    changed[key] = put(tree[key], tuple(rest), value)
    return changed


def without(tree: Any, where: Where) -> Any:
    """The document without what is there."""
    outer = copy.copy(at(tree, where[:-1]))
    outer = list(outer) if isinstance(outer, tuple) else outer
    del outer[where[-1]]
    return put(tree, where[:-1], outer)


def named(where: Where) -> str:
    """A place as people write it."""
    return ".".join(map(str, where)) or "the whole"


Dump = Callable[[Any, Path], None]


def dump_json(tree: Any, path: Path) -> None:
    """Write JSON, with ``Raw`` as it is."""
    path.write_text(_text(tree))


def dump_yaml(tree: Any, path: Path) -> None:
    """Write YAML in JSON's clothes, which is YAML but for the numbers that are none."""
    text = _text(tree)
    for json_name, yaml_name in (("-Infinity", "-.inf"), ("Infinity", ".inf"), ("NaN", ".nan")):
        text = text.replace(json_name, yaml_name)
    path.write_text(text)


def dump_torch(tree: Any, path: Path) -> None:
    """Write a checkpoint."""
    torch.save(tree, path)


def _text(tree: Any) -> str:
    raws: list[str] = []

    def plain(value: Any) -> str:
        raws.append(value.text)
        return f"@{len(raws) - 1}@"

    text = json.dumps(tree, default=plain)
    for index, raw in enumerate(raws):
        text = text.replace(f'"@{index}@"', raw)
    return text


VALUES: dict[Dump, dict[str, Any]] = {
    dump_json: OF_TEXT,
    dump_yaml: {**OF_TEXT, **OF_YAML},
    dump_torch: {},
}


def of_document(good: Any, dump: Dump, free: tuple[str, ...] = ()) -> Iterator[Case]:
    """Every kind of value in every place of a document, each place missing, and one too many.

    Args:
        free: keys below which nothing is prescribed; with ``*``, names are nowhere.
    """

    def case(name: str, tree: Any, refused: bool) -> Case:
        return Case(name, lambda path: dump(tree, path), refused)

    for where in places(good):
        old = at(good, where)
        if isinstance(old, torch.Tensor):
            for name, value in of_tensor(old).items():
                yield case(f"{named(where)}: {name}", put(good, where, value), True)
            continue
        for name, value in {**NOWHERE, **VALUES[dump]}.items():
            harmless = name in ("set", "octets") and dump is dump_torch
            yield case(f"{named(where)} = {name}", put(good, where, value), not harmless)
        for name, value in SOMEWHERE.items():
            wrong = isinstance(old, Mapping) and bool(old) and not isinstance(value, Mapping)
            wrong = wrong and not (set(free) & set(where) or value is None or value in ("", []))
            yield case(f"{named(where)} = {name}", put(good, where, value), wrong)
        if dump is dump_torch:
            for name, value in tensors().items():
                yield case(f"{named(where)} = {name}", put(good, where, value), name != "tuple")
        if where:
            yield case(f"{named(where)} is missing", without(good, where), False)
        if isinstance(old, Mapping):
            more = put(good, where, {**old, "unheard-of": 1})
            yield case(f"{named(where)} has one too many", more, not set(free) & {"*", *where})


def of_bytes(good: bytes, text: bool = False) -> Iterator[Case]:
    """A file that was cut, flipped, emptied, or is of another format.

    Args:
        text: whether a part of it may make sense.
    """

    def case(name: str, content: bytes, refused: bool = True) -> Case:
        return Case(name, lambda path: path.write_bytes(content), refused)

    for share in (0.0, 0.01, 0.25, 0.5, 0.75, 0.9, 0.99):
        yield case(f"cut to {share:.0%}", good[: int(len(good) * share)], not text and share < 0.99)
    rng = random.Random(0)
    for _ in range(24):
        place = rng.randrange(len(good))
        flipped = bytes([good[place] ^ (1 << rng.randrange(8))])
        yield case(f"bit flipped at {place}", good[:place] + flipped + good[place + 1 :], False)
    yield case("zeros", bytes(len(good)))
    yield case("ones", b"\xff" * len(good))
    yield case("noise", rng.randbytes(max(len(good), 100)))
    yield case("one line of text", b"nothing of the kind\n")
    yield case("png", b"\x89PNG\r\n\x1a\n" + bytes(64))
    yield case("gzip", gzip.compress(good))
    yield case("pickle", b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00\x8c\x07builtins.")
    yield case("empty zip", b"PK\x05\x06" + bytes(18))
    yield case("zip of another", _zip({"a.txt": b"a"}))
    yield case("twice", good + good, False)


def _zip(members: Mapping[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method, compresslevel=1) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


DTYPES = (
    *("<f4", ">f4", "<f8", "<f2", "|b1", "<c8", "<c16", "|u1", "|i1", "<i2", "<i8", ">i8", "<u8"),
    *("<U5", "|S3", "<M8[s]", "<m8[D]", "|V8", "|O", "<f16"),
)
SHAPES: tuple[tuple[int, ...], ...] = (
    (),
    (0,),
    (3,),
    (3, 0),
    (0, 6),
    (5, 1, 28, 0),
    (1,) * 40,
    (10**15, 6),
    (10**5, 10**5),
    (2**62, 4),
    (2**63,),
    (-1, 4),
)


def header(descr: Any, shape: tuple[int, ...], fortran: bool = False, more: str = "") -> bytes:
    """That of an ``.npy`` file."""
    text = f"{{'descr': {descr!r}, 'fortran_order': {fortran}, 'shape': {shape!r}, {more}}}"
    text += " " * (-(len(text) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


def npy(array: np.ndarray[Any, Any]) -> bytes:
    """An ``.npy`` file."""
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def of_array(good: np.ndarray[Any, Any]) -> Iterator[tuple[str, bytes, bool]]:
    """An array of other dtypes, shapes and values than a good one: what is wrong, the ``.npy``,
    and whether nothing right could be meant by it.
    """
    usual = npy(good)
    body = usual[usual.index(b"\n") + 1 :]
    for descr in DTYPES:
        itemsize = np.dtype(descr).itemsize if descr != "|O" else 8
        content = header(descr, good.shape) + bytes(good.size * itemsize)
        no_number = np.dtype(descr).kind in "cUSMmVO"
        yield f"dtype {descr}", content, no_number and good.dtype.kind not in "US"
    for shape in SHAPES:
        count = math.prod(shape) if shape else 1
        filled = count * good.itemsize if 0 <= count < 10**6 else len(body)
        yield f"shape {shape}", header(good.dtype.str, shape) + bytes(filled), True
    yield "fewer numbers than it says", usual[:-1], True
    yield "structured", header([("a", "<f4"), ("b", "<i8")], (3,)) + bytes(36), True
    yield "dtype that is none", header("<q9", good.shape) + body, True
    yield "dtype of dtypes", header(["<f4"] * 3, good.shape) + body, True
    yield "code in the header", header("<f4", good.shape, more="'a': __import__('os')") + body, True
    yield "version 9", usual[:6] + b"\x09\x00" + usual[8:], True
    yield "header of 4 GB", usual[:6] + b"\x02\x00\xff\xff\xff\xff" + usual[10:], True
    yield "deep header", usual[:10] + b"(" * (len(usual) - 11) + b"\n", True
    if good.dtype.kind in "fiu" and good.size:
        for name, value in (("nan", math.nan), ("inf", math.inf), ("-inf", -math.inf)):
            spoilt = good.astype(np.float32)
            spoilt.flat[0] = value
            yield f"one number is {name}", npy(spoilt), True
        if good.dtype.kind in "iu" and good.dtype.itemsize > 1:
            for value in (-1, 10**6, 2**62):
                spoilt = good.copy()
                spoilt.flat[0] = value
                yield f"one number is {value}", npy(spoilt), True


def of_npy(good: np.ndarray[Any, Any]) -> Iterator[Case]:
    """Hostile ``.npy`` files."""
    for name, content, refused in of_array(good):
        yield Case(name, partial(_write, content), refused)
    yield from of_bytes(npy(good))


def _write(content: bytes, path: Path) -> None:
    path.write_bytes(content)


def of_npz(good: Mapping[str, np.ndarray[Any, Any]], needed: tuple[str, ...]) -> Iterator[Case]:
    """Hostile ``.npz`` archives.

    Args:
        needed: arrays without which there is no sense in it.
    """

    def case(name: str, members: Mapping[str, bytes], refused: bool, packed: bool = False) -> Case:
        method = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
        return Case(name, lambda path: path.write_bytes(_zip(members, method)), refused)

    usual = {f"{name}.npy": npy(array) for name, array in good.items()}
    for name, array in good.items():
        for what, content, refused in of_array(array):
            strict = refused and name in needed
            yield case(f"{name}: {what}", {**usual, f"{name}.npy": content}, strict)
        rest = {member: content for member, content in usual.items() if member != f"{name}.npy"}
        yield case(f"{name} is missing", rest, name in needed)
        yield case(f"{name} is no array", {**rest, f"{name}.npy": b"text"}, name in needed)
        if name in needed:
            shape = (BOMB // array.itemsize // math.prod(array.shape[1:]), *array.shape[1:])
            bomb = header(array.dtype.str, shape) + bytes(BOMB)
            yield case(f"{name}: bomb", {**rest, f"{name}.npy": bomb}, True, packed=True)
    yield from of_bytes(_zip(usual))


def idx(kind: int, shape: tuple[int, ...], body: bytes, zeros: int = 0) -> bytes:
    """An IDX file."""
    sizes = b"".join((size % 2**32).to_bytes(4, "big") for size in shape)
    return zeros.to_bytes(2, "big") + bytes([kind, len(shape)]) + sizes + body


def of_idx(good: np.ndarray[Any, Any], packed: bool) -> Iterator[Case]:
    """Hostile IDX files, gzipped or not."""

    def case(name: str, content: bytes, refused: bool = True) -> Case:
        whole = gzip.compress(content, 1) if packed else content
        return Case(name, lambda path: path.write_bytes(whole), refused)

    body = good.tobytes()
    for kind in (0, 9, 11, 12, 13, 14, 255):
        yield case(f"kind {kind}", idx(kind, good.shape, body))
    yield case("no zeros", idx(8, good.shape, body, zeros=513))
    for shape in ((), (0,), (2**32 - 1,) * 3, (2**32 - 1,) * 255, (len(good), 0, 28), (1, 2, 3, 4)):
        yield case(f"shape {shape[:4]}", idx(8, shape, body))
    yield case("one byte short", idx(8, good.shape, body[:-1]))
    yield case("one byte more", idx(8, good.shape, body + b"a"))
    spoilt = b"\xff" + body[1:]
    yield case("one number is 255", idx(8, good.shape, spoilt), good.ndim == 1)
    if packed:
        count = BOMB // max(1, math.prod(good.shape[1:]))
        yield case("bomb", idx(8, (count, *good.shape[1:]), bytes(BOMB)))
        yield case("bomb behind the end", idx(8, good.shape, body + bytes(BOMB)))
    yield from of_bytes(
        gzip.compress(idx(8, good.shape, body)) if packed else idx(8, good.shape, body)
    )


def of_table(good: str) -> Iterator[Case]:
    """Hostile ``.csv`` tables: ``good`` has a column ``file``."""

    def case(name: str, content: str | bytes, refused: bool = True) -> Case:
        whole = content.encode() if isinstance(content, str) else content
        return Case(name, lambda path: path.write_bytes(whole), refused)

    first, *rows = good.splitlines()
    yield case("no row", first)
    yield case("no header", "\n".join(rows))
    yield case("one column", "\n".join(line.split(",")[0] for line in [first, *rows]))
    yield case("a cell too few", good + "\nx")
    yield case("a cell too many", good + "\n" + ",".join("x" * (first.count(",") + 2)))
    yield case("a name twice", first + ",file\n" + "\n".join(f"{row},x" for row in rows))
    yield case("no name", first + ",\n" + "\n".join(f"{row},x" for row in rows), False)
    values: dict[str, str | bytes] = {
        "a zero": "a\0b",
        "long": "x" * 200_000,
        "a quote": '"',
        "nothing": "",
        "a folder": ".",
        "half a surrogate": b"\xed\xa0\x80",
    }
    for what, value in values.items():
        text = value if isinstance(value, bytes) else value.encode()
        cells = rows[0].encode().split(b",")
        for column in range(len(cells)):
            spoilt = b",".join([*cells[:column], text, *cells[column + 1 :]])
            content = b"\n".join([first.encode(), spoilt, *(row.encode() for row in rows[1:])])
            yield case(f"{what} in column {column}", content, column == 0)
    yield from (Case(one.name, one.write, False) for one in of_bytes(good.encode(), text=True))


def bomb_of_checkpoint(path: Path) -> None:
    """Pack the tensors of a checkpoint, and let one be huge."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    first = next(name for name in members if "/data/" in name)
    path.write_bytes(_zip({**members, first: bytes(BOMB)}, zipfile.ZIP_DEFLATED))


def pickled(pickle: bytes, path: Path) -> None:
    """Put another pickle into a checkpoint."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    own = next(name for name in members if name.endswith("data.pkl"))
    path.write_bytes(_zip({**members, own: pickle}))


def of_pickle() -> Iterator[Case]:
    """Pickles that no ``torch.save`` writes."""
    huge = (10**10).to_bytes(8, "little")
    for name, pickle in {
        "nested 100,000 deep": b"\x80\x02" + b"]" * 10**5 + b"a" * (10**5 - 1) + b".",
        "array of 10 GB": b"\x80\x02cbuiltins\nbytearray\n\x8a\x08" + huge + b"\x85R.",
        "storage of 10 GB": b"\x80\x02ctorch.storage\nUntypedStorage\n\x8a\x08" + huge + b"\x85R.",
        "text of 2 GB": b"\x80\x02X\xff\xff\xff\x7f.",
        "memo of 4 GB": b"\x80\x02Nr\xff\xff\xff\xff.",
        "nothing": b"",
        "no stop": b"\x80\x02}",
        "empty stack": b"\x80\x02.",
        "list of itself": b"\x80\x02]q\x00h\x00a.",
        "mapping of itself": b"\x80\x02}q\x00X\x01\x00\x00\x00ah\x00s.",
        "lists of lists": b"\x80\x02]q\x00(K\x01K\x01e"
        + b"".join(
            b"]q" + bytes([i + 1]) + b"(" + (b"h" + bytes([i])) * 10 + b"e" for i in range(9)
        )
        + b".",
        "code": b"\x80\x02cos\ngetpid\n)R.",
    }.items():
        yield Case(f"pickle: {name}", partial(pickled, pickle))
    yield Case("packed, and huge", bomb_of_checkpoint)
    for claim in (10**3, 10**7):
        yield Case(f"storages {claim} times as long as they are", partial(longer, claim))


def longer(times: int, path: Path) -> None:
    """Let a checkpoint say of its first storage that it is longer than it is."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    own = next(name for name in members if name.endswith("data.pkl"))
    pickle = members[own]
    start = end = count = 0  # of the last whole number before the first storage
    operations = list(pickletools.genops(pickle))
    for (code, argument, place), (_, _, after) in pairwise(operations):
        if code.name == "BINPERSID":
            break
        if code.name in ("BININT", "BININT1", "BININT2"):
            start, end, count = place or 0, after or 0, int(argument or 0)
    claim = b"J" + min(count * times, 2**31 - 1).to_bytes(4, "little")
    path.write_bytes(_zip({**members, own: pickle[:start] + claim + pickle[end:]}))
