"""``/fleet``: what all exporters of a fleet see, asked when somebody looks, and who is to blame."""
