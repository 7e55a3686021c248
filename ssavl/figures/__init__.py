"""Figures: tensors and tables to matplotlib figures, or to the bytes of a GIF.

No model is loaded and no file written here.
"""
