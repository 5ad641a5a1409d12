from pathlib import Path

from docs.make.api_page import API, api_page


def test_the_page_of_the_api_is_what_the_docstrings_say():
    page = Path(__file__).parents[2] / "docs" / "python-api.md"
    assert page.read_text(encoding="utf-8") == api_page()


def test_every_name_is_described_once_and_nothing_of_this_machine_is_in_it():
    text = api_page()
    for names in API.values():
        for name in names:
            assert text.count(f"### `{name}`\n") == 1
    assert " at 0x" not in text
    assert "<factory>" not in text
