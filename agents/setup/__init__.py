"""Making a lab and looking it over."""
