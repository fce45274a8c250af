"""Work on many processes, and runs that end, start again or meet.

ending_signals   the signals that end a run
engines          what runs units of work: processes, threads, a cluster
file_locks       locks on open files, where the file system has them
file_systems     what a file system is called, and whether its locks work
limits           what the system allows this process
one_at_a_time    runs that wait for each other
parallel         work on many processes, results in order
part_folders     folders that are filled beside the place where they will stand
run_claims       which of several runs may change a folder
worker_lifetime  worker processes that end with the process that started them
"""
