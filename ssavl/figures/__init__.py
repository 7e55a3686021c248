"""Figures: tensors and tables to matplotlib figures. No model is loaded and no file written here."""
