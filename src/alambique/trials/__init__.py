"""What commands that make several runs share: their folder, and figures on valid that choose between the runs."""
