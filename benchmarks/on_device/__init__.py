"""`python -m benchmarks --device cuda`: all that is to be measured on a device, by one command.

chains      degradations of a batch: host time, whole time, launches; and Real-ESRGAN's own
feeding     loader rates, a training step, memory
host_time   what the training thread does for a batch, without a device
rightness   values under load against the CPU, waits, the tests marked `cuda`
run         the sections in their order, within the time that there is
where       the device, the sizes that suit it, and clocks
"""
