"""Students of several forms and sizes from one set of soft labels: quality against cost, and a choice within a budget."""
