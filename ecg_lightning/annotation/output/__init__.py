"""The files of annotations: tables, WFDB annotations and pages, and which may be replaced."""
