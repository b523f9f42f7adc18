"""The numbers of a result for tools that follow them over time. None of these tools decides."""
