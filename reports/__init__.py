"""Numbers -> figures -> one HTML page: what a study found, for a person to read and forward.

Every figure has a file with two functions: study -> numbers, and numbers -> figure.
"""

from __future__ import annotations

from reports.report import write_report

__all__ = ["write_report"]
