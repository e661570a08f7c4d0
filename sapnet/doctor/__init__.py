"""What `sapnet doctor` looks at: the machine, the data set, the store, the run."""
