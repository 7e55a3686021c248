"""Figures: models, tensors and tables to matplotlib figures. No file is read but a log, and none written here."""
