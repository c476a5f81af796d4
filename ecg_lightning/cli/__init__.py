"""The command line: `ecg-lightning VERB …`, one file for each verb."""
