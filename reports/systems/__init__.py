"""What won and how far to trust it: a file per topic, each of which makes its own sections."""
