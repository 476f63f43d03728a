"""Reading YAML configuration files: where each value stands, and what is wrong with it."""
