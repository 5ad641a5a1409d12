"""What tests share; imported, not collected."""
