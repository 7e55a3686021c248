"""Names of the files that measurements are kept in: who writes one and who reads it agree here."""

METRICS = "metrics.json"
HEADLINE = "headline.json"  # what DVC shows of METRICS
BASELINES = "baselines.json"
CONFUSION = "confusion.json"
CALIBRATION = "calibration.json"
DISENTANGLEMENT = "disentanglement.json"
FIDELITY = "fidelity.json"
LIKELIHOOD = "likelihood.json"
TRAVERSAL = "traversal.json"
