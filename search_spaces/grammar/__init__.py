"""How choices are written down and read: what all dimensions stand on.

`errors` (InputError), `kinds` (dimensions and their fields), `values` (ranges and choices),
`yaml_file` and `bounded_file` (files that a person wrote, read strictly).
"""
