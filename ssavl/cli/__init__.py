"""The command line. Nothing here imports torch, or anything that does, before a command runs."""
