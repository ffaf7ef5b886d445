"""The process: its log, streams, signals, deadlines, memory, retries."""
