"""The stages of the pipeline, one file each: (parameters, input paths, output folder) -> files."""
