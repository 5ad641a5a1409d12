"""How the search went: a file per topic, each of which makes its own sections."""
