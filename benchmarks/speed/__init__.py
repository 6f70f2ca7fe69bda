"""Speed: our engines against others, each in a process of its own."""
