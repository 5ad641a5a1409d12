"""Runs one trial on one device, and many trials on a machine."""
