"""What a page is made of, and how it becomes one HTML file.

`section` (Head, Section, Panel, Picture), `table`, `text` and `theme`; `render` draws the page.
"""
