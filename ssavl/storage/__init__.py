"""Files: atomic writes and locks, checkpoints, streamed tables, the hash of weights."""
