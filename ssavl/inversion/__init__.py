"""From images to latents by optimisation."""
