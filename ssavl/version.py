"""The version. Apart from the package itself, which leads to every module,
while DVC follows imports.
"""

__version__ = "0.1.0"
