"""Files of vectors made elsewhere, read as rows with their article and chunk."""
