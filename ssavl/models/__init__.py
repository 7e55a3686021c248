"""What was fitted: encoders and the classifier that judges, with their files."""
