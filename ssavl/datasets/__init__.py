"""Real images: readers of what people hold, and the one prepared form that training reads."""
