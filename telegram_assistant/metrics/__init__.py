"""
Metrics for Prometheus: counters in files of every process, and gauges read at each scrape.

There are two folders and two endpoints, so that nothing is counted twice if both are scraped:
the web processes are counted at /metrics of the web server, everything else (workers, commands)
at /metrics on METRICS_PORT of each host that runs `qcluster`.
"""
