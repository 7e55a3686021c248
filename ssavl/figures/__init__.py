"""Figures: models, tensors and tables to matplotlib figures, or to the bytes of a GIF."""
