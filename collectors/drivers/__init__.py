"""The databases' own client libraries, in threads whose waits end at a deadline: what reads or logs in by them."""
