"""``ssavl fit-encoders``."""

from __future__ import annotations

from pathlib import Path

import click

from ssavl.cli.gan import GanFlags, gan_options
from ssavl.cli.options import Common, common, out_option, reader_of, watch_option


@click.command("fit-encoders")
@gan_options
@out_option("data/encoders")
@click.option("--encoders", "which", help="both (SS-AVL), code (SS-AVL1) or noise (SS-AVL2).")
@click.option("--objective", help="elbo (Eq. 27), latent-nll (needs no gradient of the generator) or both.")
@click.option("--iterations", type=int, help="Iterations of the whole run.")
@click.option("--beta", type=float, help="Weight of every KL.")
@watch_option
@common(trains=True)
def fit_encoders(
    shared: Common,
    gan: GanFlags,
    out: Path,
    which: str | None,
    objective: str | None,
    iterations: int | None,
    beta: float | None,
    watch: tuple[Path, ...],
) -> None:
    """Fit encoders to a frozen generator, without data.

    The generator draws the images that its encoders learn from (Eqs. 25, 26; Eq. 27 where noise is all there is).
    """
    flags = {
        "fit-encoders.encoders": which,
        "fit-encoders.objective": objective,
        "fit-encoders.iterations": iterations,
        "beta": beta,
    }
    params = shared.load(flags)
    source = gan.source(params.gan_ckpt)
    settings = {"seed": params.seed, "beta": params.beta, **params.fit_encoders.model_dump(mode="json")}
    if shared.stops_here("fit-encoders", settings, {"gan": source.spec, "watch": watch, "out": out}):
        return
    from ssavl.stages.fit_encoders import fit_encoders as stage

    result = stage(params, source, out, shared.options(), reader_of(watch))
    shared.report(result, f"{result['encoders']}: {result['model']}, {result['iterations']} iterations")
