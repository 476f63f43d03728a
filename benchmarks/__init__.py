"""What the program costs and how true it is, beside others that do the same: ``make bench``.

Not part of what is installed. Everything happens in network namespaces of its own (``tests.netlab``).
"""
