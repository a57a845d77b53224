"""One runtime each. They import nothing of tatamu: a side may run where it is not installed."""
