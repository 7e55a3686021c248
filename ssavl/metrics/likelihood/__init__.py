"""Log-likelihood: surrogates, weighted bounds, and annealing between densities."""
