"""airesearch: autonomous ML research whose only database is git."""

__version__ = "0.1.0"
