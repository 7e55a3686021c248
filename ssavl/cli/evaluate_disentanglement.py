"""``ssavl evaluate disentanglement``."""

from __future__ import annotations

from pathlib import Path

import click

from ssavl.cli.options import PATH, Common, common, out_option, table


@click.command("disentanglement")
@click.option("--encoders", type=PATH, multiple=True, help="Encoders to measure on --data; may be repeated.")
@click.option("--data", help="dsprites (rendered), the official .npz, or a .csv: `file`, then a column per factor.")
@click.option("--images", type=PATH, help="Folder that the files of a .csv are relative to.  [default: its own]")
@click.option(
    "--codes", type=PATH, multiple=True,
    help="Instead: an .npz with `codes` (N, D) and `factors` (N, F) of any encoder; may be repeated.",
)  # fmt: skip
@out_option("data/evaluate")
@common()
def disentanglement(
    shared: Common,
    encoders: tuple[Path, ...],
    data: str | None,
    images: Path | None,
    codes: tuple[Path, ...],
    out: Path,
) -> None:
    """Do dimensions of a code stand for factors of the images?

    FactorVAE score by four protocols, BetaVAE score, MIG, SAP, DCI, modularity; a category is one dimension. Every
    point is encoded once.
    """
    if bool(encoders) == bool(codes):
        raise click.UsageError("give --encoders with --data, or --codes")
    if encoders and data is None:
        raise click.UsageError("--encoders need --data: dsprites, the official .npz, or a .csv of factors")
    if codes and (data is not None or images is not None):
        raise click.UsageError("--codes hold their factors: leave --data and --images out")
    params = shared.load()
    paths = {"encoders": encoders, "data": data, "images": images, "codes": codes, "out": out}
    if shared.stops_here("evaluate disentanglement", params.evaluate_disentanglement.model_dump(mode="json"), paths):
        return
    from ssavl.evaluate.disentanglement import of_codes, of_encoders

    if codes:
        result = of_codes(params, codes, out)
    elif data is not None:
        result = of_encoders(params, encoders, data, images, out, shared.device, shared.precision)
    shared.report(result, table(result["scores"]))
