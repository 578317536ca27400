"""Several processes that train together: how they were started, how they hear of each other, what they agree on."""
