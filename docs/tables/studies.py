"""Tables of the studies: the default one (``data/``) and the longer ones (``pipelines/``)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from cells import number, read, spread, table

from ssavl.cli.results import ERROR, supported

Root = Path
MEASURES = {"accuracy": ("accuracy", 4), "squared error": ("mse", 2), "bound `ll`": ("ll", 2)}

# Ye & Bors 2024, Tables 1 and 4; accuracy is the mean of four runs
PAPER = {
    ("mnist", "accuracy"): (".9542", "-"),
    ("mnist", "mse"): ("35.39", "34.04"),
    ("mnist", "ll"): ("-59.01", "-53.14"),
    ("fashion-mnist", "accuracy"): (".5162", "-"),
    ("fashion-mnist", "mse"): ("29.41", "27.91"),
    ("fashion-mnist", "ll"): ("-46.39", "-41.20"),
}
NAMES = {"mnist": "MNIST", "fashion-mnist": "Fashion"}

ABLATION = {
    "all": "every mechanism on",
    "noise-62-gain": "62 dimensions of noise at a gain of .35",
    "noise-62-no-gain": "62 dimensions, no gain",
    "no-warm-up": "no warm-up",
    "no-augmentation": "no code invariances",
    "no-clusters": "no clusters",
    "shared-trunk": "trunk shared with the critic",
    "interleaved": "Algorithm 1's schedule",
    "paper": "none of them: the paper to the letter",
}

DSPRITES = {
    "FactorVAE score, `jointvae` (our reading)": "factor_vae_jointvae",
    "FactorVAE score, `dlib`": "factor_vae_dlib",
    "FactorVAE score, `cascade`, before its votes were equal": "factor_vae_cascade",
    "FactorVAE score, `ubisoft`, unscaled": "factor_vae_ubisoft",
    "BetaVAE score": "beta_vae",
    "MIG": "mig",
    "DCI, disentanglement": "dci_disentanglement",
}


def summary(root: Root, study: str) -> Any:
    return read(root / "pipelines" / study / "summary.json")


def default(root: Root) -> list[str]:
    """The default study's rows, and what is to be compared with them."""
    models = read(root / "data/evaluate/metrics.json")
    baselines = read(root / "data/evaluate/baselines.json")
    distilled = read(root / "benchmarks/distil.json")["accuracy"]
    rows = []
    for name, what in (
        ("ssavl", "**SS-AVL**: encoders fitted from scratch on generated images alone"),
        ("ssavl-r", "**SS-AVL-R**: the same, retrained together (Eq. 18)"),
        ("ssavl-scratch", "SS-AVL with the paper's objective alone, also from scratch"),
    ):
        own = models[name]
        rows.append([what, number(own["accuracy"], 4), f"{own['mse']:.1f}", f"{own['ll']:.1f}"])
    for name, what in (
        ("clusters", "the clusters of real images that the GAN starts from"),
        ("k-means", "k-means of the pixels"),
    ):
        rows.append([what, number(baselines[name]["accuracy"], 4), "-", "-"])
    mean = f"{number(distilled['mean'], 4)} ± {number(distilled['std'], 4)}"
    rows.insert(-1, ["a classifier distilled from those clusters, without a GAN", mean, "-", "-"])
    return table(["", "accuracy", "squared error", "bound `ll`"], rows)


def metrics(root: Root) -> list[str]:
    """Every number of the default study's evaluation."""
    folder = root / "data/evaluate"
    columns = {**read(folder / "metrics.json"), **read(folder / "baselines.json")}
    rows = []
    for name in dict.fromkeys(name for column in columns.values() for name in column):
        if name.endswith(ERROR):  # of the draws: it says how many digits a mean has
            continue
        cells = []
        for column in columns.values():
            value, places = column.get(name), supported(column.get(f"{name}{ERROR}"), 4)
            cells.append("-" if value is None else number(value, places))
        rows.append([f"`{name}`", *cells])
    return table(["", *(f"`{name}`" for name in columns)], rows)


def seeds(root: Root) -> list[str]:
    """The longer studies in short, the paper's figures in brackets."""
    rows = []
    for study in NAMES:
        own = summary(root, study)["improved/ssavl"]
        cells = [f"`pipelines/{study}`"]
        for metric, places in (("accuracy", 3), ("mse", 1), ("ll", 1)):
            value = own[metric]
            paper = number(float(PAPER[study, metric][0]), places)
            spread_ = f" ± {number(value['std'], 3)}" if metric == "accuracy" else ""
            cells.append(f"{number(value['mean'], places)}{spread_} ({paper})")
        rows.append(cells)
    return table(["study", "accuracy", "squared error", "bound `ll`"], rows)


def results(root: Root) -> list[str]:
    """Tables 1 and 4 of the paper."""
    rows = []
    for study, short in NAMES.items():
        own = summary(root, study)
        for what, (metric, places) in MEASURES.items():
            paper, paper_r = PAPER[study, metric]
            ours = [spread(own[f"improved/{m}"][metric], places) for m in ("ssavl", "ssavl-r")]
            plain = [
                own.get(f"improved/{name}", {}).get(metric) for name in ("clusters", "k-means")
            ]
            others = ("-" if one is None else spread(one, places) for one in plain)
            rows.append([f"{short}, {what}", paper, ours[0], paper_r, ours[1], *others])
    head = ["", "paper, SS-AVL", "SS-AVL", "paper, SS-AVL-R", "SS-AVL-R", "clusters", "k-means"]
    return table(head, rows)


def letter(root: Root) -> list[str]:
    """The paper's method to the letter beside ours."""
    rows = []
    for study, short in NAMES.items():
        own = summary(root, study)
        for what, (metric, places) in MEASURES.items():
            row = [f"{short}, {what}"]
            for model in ("ssavl", "ssavl-r"):
                for name in ("paper", "improved"):
                    row.append(spread(own[f"{name}/{model}"][metric], places))
            rows.append(row)
    head = ["", "to the letter", "SS-AVL", "to the letter, SS-AVL-R", "SS-AVL-R"]
    return table(head, rows)


def vae(root: Root) -> list[str]:
    """How far behind a VAE that learns from the real images."""
    rows = []
    for study, short in NAMES.items():
        own = summary(root, study)
        for what, (metric, places) in list(MEASURES.items())[1:]:
            seen = own["vae/vae"][metric]
            row = [f"{short}, {what}", spread(seen, places)]
            for model in ("ssavl", "ssavl-r"):
                behind = abs(own[f"improved/{model}"][metric]["mean"] - seen["mean"])
                row.append(f"{behind:.1f}")
            rows.append(row)
    return table(["", "VAE", "SS-AVL behind by", "SS-AVL-R behind by"], rows)


def unseen(root: Root) -> list[str]:
    """The seed that nobody had seen."""
    own = read(root / "pipelines/mnist/seed-8.json")
    rows = []
    for model, name in (("ssavl", "SS-AVL"), ("ssavl-r", "SS-AVL-R")):
        one = own[f"seed-8/{model}"]
        values = [number(one[metric]["mean"], places) for metric, places in MEASURES.values()]
        rows.append([name, *values])
    return table(["", *MEASURES], rows)


def criterion(root: Root) -> list[str]:
    """What can be seen of a run without a label, beside its accuracy."""
    own = read(root / "pipelines/mnist/criterion.json")
    names = ["inertia", "agreement", "ll"]
    rows = [
        [run.rpartition("-")[2], *(number(row[name], 4) for name in [*names, "accuracy"])]
        for run, row in own["runs"].items()
    ]
    rows.append(["rank correlation", *(f"{own['correlation'][name]:.2f}" for name in names), ""])
    return table(["seed", "inertia", "agreement", "bound on generated images", "accuracy"], rows)


def walks(root: Root) -> list[str]:
    """Walks of a code and of the noise, judged."""
    own = next(iter(read(root / "pipelines/mnist/walks.json").values()))
    rows = []
    for block, what in (("code", "a code, -1 to 1"), ("noise", "a noise dimension, -3 to 3")):
        cells = (spread(own[name], 3) for name in (f"kept_{block}", f"kept_{block}_worst"))
        rows.append([f"steps along {what}, that keep the class", *cells])
    cells = (spread(own[name], 3) for name in ("pure_category", "pure_category_worst"))
    rows.append(["images of a category that are of its first class", *cells])
    return table(["", "all dimensions", "the worst dimension"], rows)


def ablation(root: Root) -> list[str]:
    """One mechanism off at a time."""
    own = summary(root, "ablation")
    rows = []
    for name, what in ABLATION.items():
        values = own[f"{name}/ssavl"]
        cells = (
            spread(values[metric], 4 if metric == "accuracy" else 1)
            for metric, _ in MEASURES.values()
        )
        rows.append([f"`{name}`: {what}", *cells])
    return table(["", *MEASURES], rows)


def dsprites(root: Root) -> list[str]:
    """Table 2 of the paper."""
    own = summary(root, "dsprites")
    rows = []
    for what, metric in DSPRITES.items():
        paper = ".79" if metric == "factor_vae_jointvae" else ""
        cells = (spread(own[f"run/{model}"][metric], 3) for model in ("ssavl", "ssavl-r"))
        rows.append([what, paper, *cells])
    return table(["", "paper", "SS-AVL", "SS-AVL-R"], rows)


TABLES: dict[str, Callable[[Root], list[str]]] = {
    "default": default,
    "metrics": metrics,
    "seeds": seeds,
    "results": results,
    "letter": letter,
    "vae": vae,
    "unseen": unseen,
    "criterion": criterion,
    "walks": walks,
    "ablation": ablation,
    "dsprites": dsprites,
}
