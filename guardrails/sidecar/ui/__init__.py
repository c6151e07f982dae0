"""Pages for people: runs under way, what each waits for, and questions that they answer."""
