"""How good a trained pipeline is: calibration, probabilities and the report. Imports
the component."""
