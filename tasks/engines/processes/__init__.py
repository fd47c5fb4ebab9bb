"""Child processes: supervised, locked to their device, ended with their run.

In: a command or a job file. Out: an exit code or an artifact, progress while it runs, the end of the log in the error.
"""
