"""What each family of checks looks at. What is expensive is computed once, when first asked for."""
