"""Reader of Label Studio's exports: tasks, their regions, the regions' shapes."""
