"""Kit of every page, table and figure: shell, markup and style; files and colours; tables of results."""
