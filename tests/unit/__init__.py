"""No test in here opens a socket or waits for wall time."""
