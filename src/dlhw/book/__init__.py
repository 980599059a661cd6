"""The book: every study on real data, run again by one command, and its figures beside what was asked."""
