"""Reading of log files of any format: opening, decoding, recognising, and from records to conversations."""
