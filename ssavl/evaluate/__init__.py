"""What is measured, one file per ``ssavl evaluate``: (parameters, paths) -> files."""
