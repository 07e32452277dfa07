"""The report on a student: passes over the test data, and one module for each section of what is written."""
