"""Neural networks, parameterised by image shape and width: no class per resolution."""
