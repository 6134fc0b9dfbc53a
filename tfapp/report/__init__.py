"""What every page, table and figure is made with: markup and style, figures as files, tables of results."""
