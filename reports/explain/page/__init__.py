"""An explanation as sections and as a page.

`explain_html` (write_explain) and `sections` (those of the page and of the report).
"""
