"""What every run stands on: its folder and record, progress on fixed images, names of results."""
