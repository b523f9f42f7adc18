"""From text to rows: sources of articles, kinds, chunks."""
