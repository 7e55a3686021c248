"""``prepare-data``: the first stage of the pipeline."""

from __future__ import annotations

import os
from pathlib import Path

import click

from ssavl.cli.kinds import COLOUR, PATH
from ssavl.cli.options import Common, common, out_option
from ssavl.cli.parameter import parameter
from ssavl.params.data_sets import DATA_SETS


@click.command("prepare-data")
@parameter(
    "prepare-data.dataset", "mnist-10k", click.Choice(tuple(DATA_SETS)), "Data set to prepare."
)
@parameter(
    "prepare-data.root",
    "where the data set usually is",
    PATH,
    "Folder with the official files, or with the images of `folder`.",
)
@parameter(
    "prepare-data.image_size",
    "the data set's own; 64 of photographs",
    click.IntRange(8, 1024),
    "Side of a prepared image in pixels.",
)
@parameter(
    "prepare-data.channels", "the data set's own", click.Choice([1, 3]), "Channels of an image."
)
@parameter(
    "prepare-data.crop",
    "148 of celeba, 400 of chairs; else the largest",
    click.IntRange(8),
    "Side of the centred square of a picture file that is kept, in its pixels.",
)
@parameter("prepare-data.limit", "all", click.IntRange(2), "Images to draw.")
@parameter(
    "prepare-data.class_folders",
    False,
    bool,
    "Take each sub-folder of `folder` for a class.",
    is_flag=True,
    default=None,
)
@parameter(
    "prepare-data.background", "white", COLOUR, "Colour under transparent pixels of `folder`."
)
@out_option("data/prepared")
@click.option(
    "--workers",
    type=click.IntRange(0, 256),
    show_default="one for each processor",
    help="Processes that decode picture files, beside the one that writes.",
)
@common(computes=False)
def prepare_data(shared: Common, out: Path, workers: int | None) -> None:
    """Turn images into one memory-mapped array.

    Stopped or killed, the same command goes on where it was.
    """
    params = shared.load()
    settings = params.prepare_data.model_dump(mode="json")
    if shared.stops_here("prepare-data", settings, {"out": out}):
        return
    from ssavl.stages.prepare_data import prepare_data as stage

    manifest = stage(params, out, (os.cpu_count() or 1) if workers is None else workers)
    splits = ", ".join(f"{count} {name}" for name, count in manifest["splits"].items() if count)
    shape = " x ".join(str(n) for n in manifest["image_shape"])
    classes = len(manifest["classes"]) or "no"
    lines = [f"{out}: {splits} images of {shape}, {classes} classes"]
    unreadable = manifest["unreadable"]
    if unreadable:
        lines.append(f"passed over {len(unreadable)} files that cannot be read:")
        lines += [f"  {name}: {reason}" for name, reason in unreadable.items()]
    lines += manifest["notes"]
    if params.prepare_data.root is not None:
        lines.append(
            f"DVC does not see when the files in {params.prepare_data.root} change: then "
            "`dvc repro --force -s prepare-data`, or this command again"
        )
    shared.report(manifest, "\n".join(lines))
