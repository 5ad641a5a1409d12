"""What can be searched: one file per dimension, the space that joins them, and `TrialSpec`."""

from search_spaces.errors import InputError
from search_spaces.front_end import FrontEnd
from search_spaces.space import Space
from search_spaces.space_yaml import load_space, parse_space, preset_names
from search_spaces.spec import DIMENSIONS, SECTIONS, TrialSpec
from search_spaces.suggesters import flat_parameters

__all__ = [
    "DIMENSIONS",
    "SECTIONS",
    "FrontEnd",
    "InputError",
    "Space",
    "TrialSpec",
    "flat_parameters",
    "load_space",
    "parse_space",
    "preset_names",
]
