"""CI: ready workflows, what a final job requires, and what a project is missing."""
