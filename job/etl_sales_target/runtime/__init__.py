"""The process: its log, signals, memory, retries."""
