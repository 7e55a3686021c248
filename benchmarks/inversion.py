"""Encoders against what a user would do without them: optimise the latent.

    python benchmarks/inversion.py NAME --gan G --encoders E --test IMAGES.npy

writes benchmarks/inversion-NAME.json, the table in benchmarks/inversion-NAME.md, and
docs/images/inversion-NAME.png.

One thread, process time. Every method gets the same budget of CPU seconds per image, the cost of
its start included (encoding, or the forward passes of best-of-256), and as many steps of
``ssavl.inversion`` as fit into it. Learning rates are tuned per method on samples of their own.
Errors are squared, summed over an image; medians over images. The encoder alone is timed twice:
called from Python, and as ``ssavl export`` writes it, in onnxruntime. Optimisation has no such
form: it needs gradients.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from matplotlib.figure import Figure
from torch import Tensor

import ssavl
from ssavl.inversion.refinement import Optimiser, Refined, Refinement, deviations, refine
from ssavl.model import Model
from ssavl.uses.export import export

ROOT = Path(__file__).parents[1]
# CPU seconds per image; the least time the encoder alone
BUDGETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.5, 5.0)
# L-BFGS finds its own steps
RATES: dict[Optimiser, tuple[float, ...]] = {"adam": (0.03, 0.1, 0.3), "lbfgs": (1.0,)}
PRIOR_WEIGHT = 0.0001
CANDIDATES, RESTARTS = 256, 4
NEAREST = 5_000  # samples that the nearest neighbour is taken from
NOISE = 0.1  # deviation of "samples + noise"
DECIDING = ("held-out samples", "real test images")  # the targets that get the longest budget
PROBE_STEPS = 10  # to find out how long a step takes


@dataclass(frozen=True)
class Method:
    """A start and an optimiser."""

    start: str
    optimiser: Optimiser

    @property
    def name(self) -> str:
        return f"{self.start} + {'Adam' if self.optimiser == 'adam' else 'L-BFGS'}"


OURS = ("encoder", "4 of the posterior")
STARTS = (*OURS, "prior", "best of 256", "4 restarts")
METHODS = [Method(start, optimiser) for start in STARTS for optimiser in RATES]


def exported(encoders: Path, gan: str) -> onnxruntime.InferenceSession:
    """The encoders as ``ssavl export`` writes them, on one thread."""
    with tempfile.TemporaryDirectory() as folder:
        export(ssavl.load(encoders, gan, device="cpu"), Path(folder), ["onnx"])
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        path = str(Path(folder) / "encoders.onnx")
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


class Bench:
    """One generator, its encoders, and starts for a batch of images."""

    def __init__(self, model: Model, session: onnxruntime.InferenceSession, seed: int) -> None:
        self.model, self.session = model, session
        self.generator = model.generator
        self.space = model.latent_space
        self.rng = torch.Generator().manual_seed(seed)
        self.rates: dict[str, float] = {}

    def start(self, x: Tensor, kind: str) -> tuple[Tensor, Tensor | None]:
        """Latents to start from, ``(B, D)`` or ``(4 B, D)``,
        and the encoder's deviations where it is asked.
        """
        if kind in OURS:
            posterior = self.model.posterior(x)
            scale = deviations(posterior, self.space)
            mode = self.model.complete(posterior)
            if kind == "encoder":
                return mode, scale
            draws = [
                self.model.inference.complete(posterior.sample(), self.space, self.rng)
                for _ in range(RESTARTS - 1)
            ]
            return torch.cat([mode, *draws]), scale.repeat(RESTARTS, 1)
        if kind == "best of 256":
            with torch.no_grad():
                candidates = self.space.sample(CANDIDATES, self.rng)
                distances = torch.cdist(x.flatten(1), self.generator(candidates).flatten(1))
            return candidates[distances.argmin(1)], None
        return self.space.sample(len(x) * (RESTARTS if kind == "4 restarts" else 1), self.rng), None

    def run(self, x: Tensor, method: Method, steps: int, rate: float) -> tuple[Tensor, float, int]:
        """Errors ``(B,)``, process seconds, and passes through the generator per image,
        of one refinement.
        """
        began = time.process_time()
        start, deviations = self.start(x, method.start)
        copies, refined = self._refine(x, start, deviations, method, steps, rate)
        errors = refined.errors.unflatten(0, (copies, len(x))).min(0).values
        return errors, time.process_time() - began, refined.passes * copies

    def steps(self, x: Tensor, method: Method, seconds: float) -> int:
        """How many steps fit into a budget for the whole batch,
        by the time of the start and of a few steps.
        """
        began = time.process_time()
        start, deviations = self.start(x, method.start)
        started = time.process_time()
        self._refine(x, start, deviations, method, PROBE_STEPS, 0.1)
        step = (time.process_time() - started) / PROBE_STEPS
        return max(1, int((seconds - (started - began)) / step))

    def _refine(
        self,
        x: Tensor,
        start: Tensor,
        deviations: Tensor | None,
        method: Method,
        steps: int,
        rate: float,
    ) -> tuple[int, Refined]:
        copies = len(start) // len(x)
        # Only who starts without an encoder must find the category.
        refinement = Refinement(
            steps, method.optimiser, rate, PRIOR_WEIGHT, relax=method.start not in OURS
        )
        return copies, refine(
            x.repeat(copies, 1, 1, 1), start, self.generator, refinement, deviations
        )

    def tune(self, x: Tensor, budget: float) -> None:
        """The learning rate of each method with the least median error on ``x``."""
        # the first use of an optimiser imports a good part of torch
        self.run(x, METHODS[0], 2, 0.1)
        for method in METHODS:
            steps = self.steps(x, method, budget * len(x))
            medians = {
                rate: self.run(x, method, steps, rate)[0].median().item()
                for rate in RATES[method.optimiser]
            }
            self.rates[method.name] = min(medians, key=lambda rate: medians[rate])


def targets(bench: Bench, arguments: argparse.Namespace) -> Iterator[tuple[str, Tensor]]:
    """Images to invert, by name, more than any batch needs."""
    n = arguments.images
    with torch.no_grad():
        own = bench.generator(bench.space.sample(n, bench.rng))
    yield "held-out samples", own
    yield "samples + noise", (own + NOISE * torch.randn(own.shape, generator=bench.rng)).clamp(0, 1)
    if arguments.test is not None:
        real = (torch.from_numpy(np.load(arguments.test)[:n]).float() / 255).reshape(
            -1, *bench.model.image_shape
        )
        yield "real test images", real
        yield "off-domain: their negatives", 1 - real


def floors(bench: Bench, x: Tensor) -> dict[str, float]:
    """What no inversion costs: the mean image, and the nearest of many samples;
    median squared errors.
    """
    with torch.no_grad():
        mean, least = torch.zeros(bench.model.image_shape), torch.full((len(x),), torch.inf)
        for _ in range(NEAREST // 500):
            images = bench.generator(bench.space.sample(500, bench.rng))
            mean += images.mean(0) / (NEAREST // 500)
            least = torch.minimum(least, torch.cdist(x.flatten(1), images.flatten(1)).min(1).values)
    return {
        "mean image": (x - mean).square().flatten(1).sum(1).median().item(),
        f"nearest of {NEAREST}": least.square().median().item(),
    }


def seconds_per_image(call: Callable[[], Any], images: int) -> float:
    """Process seconds of a call per image, after a warm-up:
    the median of five means over twenty calls.
    """
    call()
    means = []
    for _ in range(5):
        began = time.process_time()
        for _ in range(20):
            call()
        means.append((time.process_time() - began) / 20)
    return float(np.median(means)) / images


def measure(bench: Bench, x: Tensor, batch: int, budgets: tuple[float, ...]) -> dict[str, Any]:
    """Median errors, seconds and passes of each method at each budget, and of the encoder alone."""
    chunks = x.split(batch)
    result: dict[str, Any] = {}
    for method in METHODS:
        rows = []
        for budget in budgets:
            steps = bench.steps(chunks[0], method, budget * batch)
            runs = [bench.run(chunk, method, steps, bench.rates[method.name]) for chunk in chunks]
            errors = torch.cat([run[0] for run in runs])
            rows.append(
                {
                    "budget": budget,
                    "seconds": sum(run[1] for run in runs) / len(x),
                    "median": errors.median().item(),
                    "quartiles": torch.quantile(errors, torch.tensor([0.25, 0.75])).tolist(),
                    "passes": runs[0][2],
                }
            )
            print(
                (
                    f"  {method.name:24} {budget:5} s: {rows[-1]['median']:8.3f}  "
                    f"({rows[-1]['seconds']:.3f} s)"
                ),
                flush=True,
            )
        result[method.name] = rows
    array = chunks[0].numpy()
    errors = (x - bench.model.reconstruct(x)).square().flatten(1).sum(1)
    ways: dict[str, Callable[[], Any]] = {
        "encoder": lambda: bench.model.encode(chunks[0]),
        "encoder, exported": lambda: bench.session.run(["latents"], {"images": array}),
    }
    for name, call in ways.items():
        seconds = seconds_per_image(call, len(array))
        result[name] = [
            {"budget": None, "seconds": seconds, "median": errors.median().item(), "passes": 0}
        ]
    return result


def summary(measured: dict[str, Any], fit_seconds: float) -> dict[str, Any]:
    """The comparison that counts: encoder and refinement against the best that optimisation alone
    does.
    """
    ours = {method.name for method in METHODS if method.start in OURS}
    alone = {method.name: measured[method.name] for method in METHODS if method.name not in ours}
    ratios = {}
    for index, row in enumerate(next(iter(alone.values()))):
        best = min(rows[index]["median"] for rows in alone.values())
        ratios[str(row["budget"])] = min(measured[name][index]["median"] for name in ours) / best
    encoder, session = measured["encoder"][0], measured["encoder, exported"][0]
    equal = [
        seconds
        for rows in alone.values()
        if (seconds := seconds_to(rows, encoder["median"])) is not None
    ]
    reached = (
        min(equal) if equal else max(row["seconds"] for rows in alone.values() for row in rows)
    )
    return {
        "error ratio by budget": ratios,
        "encoder_error": encoder["median"],
        "encoder_seconds": encoder["seconds"],
        "optimisation_seconds": reached,
        "reached": bool(equal),
        "speed-up": reached / encoder["seconds"],
        "exported_seconds": session["seconds"],
        "exported speed-up": reached / session["seconds"],
        "break-even images": fit_seconds / (reached - encoder["seconds"]),
    }


def seconds_to(rows: list[dict[str, Any]], error: float) -> float | None:
    """When a method first has this median error,
    between two budgets on the straight line of the logarithms.
    """
    for before, row in zip([None, *rows], rows, strict=False):
        if row["median"] <= error:
            if before is None:
                return float(row["seconds"])
            share = np.log(before["median"] / error) / np.log(
                before["median"] / max(row["median"], 1e-12)
            )
            return float(before["seconds"] * (row["seconds"] / before["seconds"]) ** share)
    return None


def table(found: dict[str, Any]) -> str:
    """The JSON as Markdown."""
    lines = []
    for part in found["measured"]:
        budgets = [f"{row['budget']:g}" for row in part["methods"][METHODS[0].name]]
        lines += [
            (
                f"**{part['target']}**, batch {part['batch']}, {part['images']} images: "
                "median squared error"
            ),
            "",
        ]
        lines += [_row("CPU seconds per image", budgets), _row("---", ["---"] * len(budgets))]
        for method in METHODS:
            rows = part["methods"][method.name]
            lines.append(
                _row(method.name, [f"{row['median']:.3g} ({row['passes']})" for row in rows])
            )
        own = part["summary"]
        floors = ", ".join(f"{name} {value:.3g}" for name, value in part["floors"].items())
        ratios = ", ".join(
            f"{ratio:.2f} at {budget} s" for budget, ratio in own["error ratio by budget"].items()
        )
        reached = f"{'' if own['reached'] else 'more than '}{own['optimisation_seconds']:.2g} s"
        lines += [
            "",
            (
                f"Encoder alone: {own['encoder_error']:.3g} in {1000 * own['encoder_seconds']:.2f} "
                f"ms; {floors}. Optimisation alone takes {reached} to the encoder's error, "
                f"{own['speed-up']:.0f} times as long. Exported, the encoder takes "
                f"{1000 * own['exported_seconds']:.3g} ms ({own['exported speed-up']:.0f}). "
                f"Fitting pays from {own['break-even images']:.0f} images on. Best with the "
                f"encoder over best without: {ratios}."
            ),
            "",
        ]
    return "\n".join(lines)


def _row(first: str, cells: list[str]) -> str:
    return f"| {' | '.join([first, *cells])} |"


def draw(found: dict[str, Any]) -> Figure:
    """Error against time, a panel per target and batch size."""
    parts = found["measured"]
    figure = Figure(figsize=(4.2 * ((len(parts) + 1) // 2), 7.6), dpi=110, layout="constrained")
    axes = figure.subplots(2, (len(parts) + 1) // 2, squeeze=False).flatten(order="F")
    for panel, part in zip(axes, parts, strict=False):
        for index, method in enumerate(METHODS):
            rows = part["methods"][method.name]
            style = "-" if method.start in OURS else "--"
            times, medians = [row["seconds"] for row in rows], [row["median"] for row in rows]
            panel.plot(
                times,
                medians,
                style,
                color=f"C{index // 2}",
                marker="o" if index % 2 else "s",
                ms=3,
                label=method.name,
            )
        for marker, name in (("k*", "encoder"), ("kP", "encoder, exported")):
            encoder = part["methods"][name][0]
            panel.plot([encoder["seconds"]], [encoder["median"]], marker, label=name)
        for style, (name, value) in zip((":", "-."), part["floors"].items(), strict=True):
            panel.axhline(value, color="grey", linestyle=style, linewidth=0.8, label=name)
        panel.set_xscale("log")
        panel.set_yscale("log")
        panel.set_title(f"{part['target']}, batch {part['batch']}", fontsize=9)
        panel.set_xlabel("CPU seconds per image", fontsize=8)
        panel.set_ylabel("median squared error", fontsize=8)
        panel.tick_params(labelsize=7)
        panel.grid(alpha=0.3)
    axes[0].legend(fontsize=6)
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("name")
    parser.add_argument("--gan", required=True)
    parser.add_argument("--encoders", type=Path, required=True)
    parser.add_argument(
        "--test", type=Path, help="real images that the generator never saw, uint8 .npy"
    )
    parser.add_argument("--images", type=int, default=16, help="per target, in one batch of 16")
    parser.add_argument("--singles", type=int, default=8, help="of them, one at a time")
    parser.add_argument(
        "--longest", type=float, default=5.0, help="longest budget of single images"
    )
    parser.add_argument(
        "--longest-in-batch", type=float, default=0.5, help="longest budget in a batch"
    )
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    model = ssavl.load(arguments.encoders, arguments.gan, device="cpu", seed=arguments.seed)
    bench = Bench(model, exported(arguments.encoders, arguments.gan), arguments.seed)
    fit_seconds = json.loads((arguments.encoders / "run.json").read_text())["seconds"]
    with torch.no_grad():
        apart = model.generator(bench.space.sample(8, bench.rng))
    bench.tune(apart, 0.5)
    print(bench.rates)
    measured = []
    for target, x in targets(bench, arguments):
        least = floors(bench, x)
        for batch, images, longest in (
            (
                1,
                x[: arguments.singles],
                arguments.longest if target in DECIDING else min(1.5, arguments.longest),
            ),
            (16, x, arguments.longest_in_batch),
        ):
            budgets = tuple(budget for budget in BUDGETS if budget <= longest)
            print(f"{target}, batch {batch}", flush=True)
            methods = measure(bench, images, batch, budgets)
            part = {"target": target, "batch": batch, "images": len(images), "methods": methods}
            measured.append(part | {"floors": least, "summary": summary(methods, fit_seconds)})
    found = {
        "name": arguments.name,
        "rates": bench.rates,
        "fit seconds": fit_seconds,
        "measured": measured,
    }
    path = ROOT / "benchmarks" / f"inversion-{arguments.name}.json"
    path.write_text(json.dumps(found, indent=1) + "\n")
    path.with_suffix(".md").write_text(table(found))
    draw(found).savefig(ROOT / "docs" / "images" / f"inversion-{arguments.name}.png")


if __name__ == "__main__":
    main()
