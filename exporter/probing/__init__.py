"""When each pair is probed, at which address, by which collector."""
