"""Other servers asked by HTTP, however they behave: those of the stack, and the fleet's other exporters."""
