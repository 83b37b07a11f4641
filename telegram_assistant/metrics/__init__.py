"""
What Prometheus is told: counters kept in files by every process, gauges read when asked for.

Two folders, two doors, so that nothing is counted twice where both are scraped: what the web
processes count is at /metrics of the web server, everything else (workers, commands) at
/metrics on METRICS_PORT of each host that runs `qcluster`.
"""
