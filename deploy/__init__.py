"""How the program gets onto machines: units, images, packages."""
