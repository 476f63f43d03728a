"""What is kept of every probe, and how it becomes the lines of /metrics."""
