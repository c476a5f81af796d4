"""The command line: `ecg-lightning VERB …`, a file or a folder for each verb."""
