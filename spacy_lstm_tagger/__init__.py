"""A part-of-speech tagger for spaCy pipelines. Imports nothing, so that looking up an
entry point is cheap."""

__version__ = "0.1.0"
