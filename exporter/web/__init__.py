"""What is served on :9102, and to whom."""
