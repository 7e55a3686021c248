"""What people do with what was trained, one file each.

Mostly (model, paths) -> files. Some need less: a generator alone, or the files that measuring left.
"""
