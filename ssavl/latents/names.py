"""Names of blocks and models."""

from __future__ import annotations

import re

# Names become parts of file names, of columns and of module names: a closed alphabet keeps them
# there.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
