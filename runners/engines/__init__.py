"""Where trials run: `engine.py`, the contract with the coordinator; `local.py`, this machine's.

`worker.py` is the program that a slot of a local engine runs.
"""
