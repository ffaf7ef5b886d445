"""What the job knows and decides: no I/O, no driver."""
