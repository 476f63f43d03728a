"""A path between two TUN devices, in a process of its own, so that no test can disturb it.

It is a package that knows nothing of its surroundings: the lab starts it as ``python -m delaybox``
with descriptors (two TUN devices, a control socket, perhaps a log), and it ends when the control
socket does. ``packets`` reads bytes, ``line`` decides what becomes of a packet, ``box`` moves it.
"""
