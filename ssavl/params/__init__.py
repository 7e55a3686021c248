"""Parameters: every section of ``params.yaml``, and the file they are read from."""
