"""Does the honest value keep its promise? `python -m study.fusion.simulation` simulates it.

Nothing is imported here; a `search` in a `world` with known truth, and the `summary` of many.
"""
