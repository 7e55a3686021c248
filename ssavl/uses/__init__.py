"""What people do with a fitted model, one file each: (model, paths) -> files."""
