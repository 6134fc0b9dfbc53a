"""Names that a person types in one line, with commas between."""

import csv

from tfapp.errors import InputError


def comma_separated(text):
    """Return the names in a text, without the blanks around them; one with a comma stands in double quotes.

    Raises:
        InputError: A quote is not closed.

    Example:
        >>> comma_separated('sky, "road, wet",car')
        ['sky', 'road, wet', 'car']
    """
    try:
        (row,) = csv.reader([text], skipinitialspace=True, strict=True)
    except (csv.Error, ValueError):
        raise InputError(
            f"Expected names with commas between, such as sky,road; got {text!r}. A name with a comma stands in double "
            'quotes, and a double quote in it twice: "road, ""wet""".'
        ) from None
    return [name.strip() for name in row]
