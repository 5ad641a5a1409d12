"""One function per command; `study.cli` lists them. Each loads what it needs when it runs."""
