"""ssavl: give it any generator, frozen, and without one real image it learns the encoder that it never had."""

__version__ = "0.1.0"
