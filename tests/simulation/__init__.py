"""Does the honest value keep its promise? `PYTHONPATH=tests python -m simulation` simulates it.

Nothing is imported here; a `search` in a `world` with known truth, and the `summary` of many.
"""
