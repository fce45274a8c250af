"""Small things that every room may use: files, processes, words for mistakes."""
