"""Files that a person or a killed program left: read strictly, written whole or not at all."""

from __future__ import annotations

from study.files.atomic import replace_text, write_json
from study.files.csv_files import read_rows
from study.files.json_files import is_count, mapping, number, read_json, read_object
from study.files.new_folder import new_folder
from study.files.output_paths import check_output, check_output_folder
from study.files.tables import predictions_csv
from study.files.yaml_files import dump_yaml

__all__ = [
    "check_output",
    "check_output_folder",
    "dump_yaml",
    "is_count",
    "mapping",
    "new_folder",
    "number",
    "predictions_csv",
    "read_json",
    "read_object",
    "read_rows",
    "replace_text",
    "write_json",
]
