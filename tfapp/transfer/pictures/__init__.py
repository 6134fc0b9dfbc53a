"""Images, measures, layouts and trainings of feature transfer as pictures, and a page that shows them."""
