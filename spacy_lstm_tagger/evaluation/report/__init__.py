"""A report on the tags of a pipeline: one HTML file for linguists."""

from .page import OtherPipeline, write_report
from .tokens import count_words

__all__ = ["OtherPipeline", "count_words", "write_report"]
