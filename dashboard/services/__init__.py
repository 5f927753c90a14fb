"""What the pages show, as plain data: no page's framework is known here."""
