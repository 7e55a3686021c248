"""Metrics: tensors and arrays in, plain numbers out."""
