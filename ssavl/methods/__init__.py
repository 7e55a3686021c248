"""What can be trained: a method is its networks and a list of phases."""
