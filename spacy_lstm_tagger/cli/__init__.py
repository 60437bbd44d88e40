"""Commands for spaCy's command line, a file or folder each. Imports whatever the other
rooms offer, but only once a command runs: spaCy imports this room for every command."""

from .annotate import annotate_cli
from .app import lstm_tagger_cli
from .calibrate import calibrate_cli
from .convert import convert_cli
from .corpus import corpus_cli
from .debug import debug_lstm_tagger_cli
from .distill import distill_cli
from .init import init_lstm_tagger_cli
from .report import report_cli
from .tag import tag_cli
from .view import view_cli

__all__ = [
    "annotate_cli",
    "calibrate_cli",
    "convert_cli",
    "corpus_cli",
    "debug_lstm_tagger_cli",
    "distill_cli",
    "init_lstm_tagger_cli",
    "lstm_tagger_cli",
    "report_cli",
    "tag_cli",
    "view_cli",
]
