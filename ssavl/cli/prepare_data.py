"""``ssavl prepare-data``."""

from __future__ import annotations

from pathlib import Path

import click

from ssavl.cli.options import PATH, Common, common, out_option


@click.command("prepare-data")
@click.option("--dataset", help="mnist-10k, mnist, fashion-mnist, folder or dsprites.")
@click.option("--root", type=PATH, help="Folder with the official files, or with the images of `folder`.")
@click.option("--image-size", type=int, help="Side in pixels.")
@click.option("--channels", type=int, help="1 or 3.")
@click.option("--limit", type=int, help="Images to draw from dsprites.")
@out_option("data/prepared")
@common(computes=False)
def prepare_data(
    shared: Common,
    dataset: str | None,
    root: Path | None,
    image_size: int | None,
    channels: int | None,
    limit: int | None,
    out: Path,
) -> None:
    """Turn images into one memory-mapped array."""
    flags = {
        "prepare-data.dataset": dataset,
        "prepare-data.root": str(root) if root is not None else None,
        "prepare-data.image_size": image_size,
        "prepare-data.channels": channels,
        "prepare-data.limit": limit,
    }
    params = shared.load(flags)
    if shared.stops_here("prepare-data", params.prepare_data.model_dump(mode="json"), {"out": out}):
        return
    from ssavl.stages.prepare_data import prepare_data as stage

    manifest = stage(params, out)
    splits = ", ".join(f"{count} {name}" for name, count in manifest["splits"].items() if count)
    shape = " x ".join(str(n) for n in manifest["image_shape"])
    passed_over = manifest["unreadable"]
    text = f"{out}: {splits} images of {shape}, {len(manifest['classes']) or 'no'} classes"
    if passed_over:
        text += f"\npassed over {len(passed_over)} files that cannot be read:"
        text += "".join(f"\n  {name}: {reason}" for name, reason in passed_over.items())
    shared.report(manifest, text)
