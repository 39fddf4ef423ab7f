"""What the scripts that send hostile input have in common: mutated media files, mutated requests, and who is watched meanwhile."""
