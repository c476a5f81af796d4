"""ISHNE Holter files."""
