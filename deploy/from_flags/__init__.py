"""What a package brings beside the program, written from its flags: the man page and the completion of shells."""
