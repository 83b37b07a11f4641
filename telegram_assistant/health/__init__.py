"""`/health`: what load balancers, monitoring and people ask, from the checks that rooms register."""
