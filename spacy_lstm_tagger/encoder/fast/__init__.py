"""The arithmetic of `network` for tagging on a CPU: nothing but optimisation. Imports
torch, numpy and the room around it, and spaCy and thinc only where Docs come in
(`reading.py`)."""
