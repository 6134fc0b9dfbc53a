"""What every page, table and figure is made with: shell, markup and style; files and colours; tables of results."""
