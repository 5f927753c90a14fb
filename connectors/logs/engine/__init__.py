"""The engine that reads log files of any format: it opens, decodes, recognises and parses them."""
