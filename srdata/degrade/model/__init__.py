"""What ops are made of: their contract, their settings, their draws."""
