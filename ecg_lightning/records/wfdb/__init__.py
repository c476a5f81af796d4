"""WFDB records: header(5), signal(5) and annot(5) of the WFDB Applications Guide."""
