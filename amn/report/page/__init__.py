"""The one-file HTML page: verdict, margins, and what the numbers look like."""
