"""What lossy image and video files do to pixels."""
