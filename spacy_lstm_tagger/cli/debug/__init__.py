"""The command `debug lstm-tagger`. Imports whatever the other rooms offer."""
