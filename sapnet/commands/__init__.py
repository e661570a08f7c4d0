"""The sub-commands, one file each: arguments in, one library call, what was written."""
