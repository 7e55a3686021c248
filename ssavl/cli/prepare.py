"""``prepare-data``: the first stage of the pipeline."""

from __future__ import annotations

from pathlib import Path

import click

from ssavl.cli.kinds import COLOUR, PATH
from ssavl.cli.options import Common, common, out_option
from ssavl.cli.parameter import parameter

DATASETS = ("mnist-10k", "mnist", "fashion-mnist", "folder", "dsprites")


@click.command("prepare-data")
@parameter("prepare-data.dataset", "mnist-10k", click.Choice(DATASETS), "Data set to prepare.")
@parameter(
    "prepare-data.root",
    "where the data set usually is",
    PATH,
    "Folder with the official files, or with the images of `folder`.",
)
@parameter(
    "prepare-data.image_size",
    "the data set's own; 64 for `folder`",
    click.IntRange(8, 1024),
    "Side of a prepared image in pixels.",
)
@parameter(
    "prepare-data.channels", "1; 3 for `folder`", click.Choice([1, 3]), "Channels of an image."
)
@parameter(
    "prepare-data.limit", "all", click.IntRange(2), "Images to draw from a folder or from dsprites."
)
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
@common(computes=False)
def prepare_data(shared: Common, out: Path) -> None:
    """Turn images into one memory-mapped array."""
    params = shared.load()
    settings = params.prepare_data.model_dump(mode="json")
    if shared.stops_here("prepare-data", settings, {"out": out}):
        return
    from ssavl.stages.prepare_data import prepare_data as stage

    manifest = stage(params, out)
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
