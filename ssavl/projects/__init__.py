"""Projects of a user's own, and the studies that they can start from. No torch."""
