"""The FAISS index of a data set: built, opened, measured. Only here is faiss imported."""
