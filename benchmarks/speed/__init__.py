"""Speed of our code against other libraries. Each measurement has its own process."""
