"""Files that a person or a killed program left: read strictly, written whole or not at all."""

from __future__ import annotations

from study.files.atomic import new_file, new_folder, replace_text, write_json
from study.files.csv_files import csv_text, predictions_csv, read_rows
from study.files.digests import digest_lines, file_sha256
from study.files.json_files import is_count, mapping, number, read_json, read_object
from study.files.output_paths import check_output, check_output_folder
from study.files.yaml_files import dump_yaml

__all__ = [
    "check_output",
    "check_output_folder",
    "csv_text",
    "digest_lines",
    "dump_yaml",
    "file_sha256",
    "is_count",
    "mapping",
    "new_file",
    "new_folder",
    "number",
    "predictions_csv",
    "read_json",
    "read_object",
    "read_rows",
    "replace_text",
    "write_json",
]
