"""The arithmetic of `network` for tagging on a CPU: nothing but optimisation. Imports
torch, numpy and the room around it."""
