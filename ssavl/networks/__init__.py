"""Neural networks: ``nn.Module`` only, parameterised by image shape and width, no class per resolution."""
