"""Running a network: self-ensemble, tiles, several networks as one."""
