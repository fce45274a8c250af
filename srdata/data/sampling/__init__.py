"""In which order items come, and which share of them a process takes."""
