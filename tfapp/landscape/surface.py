"""Loss around a solution as people use it: a grid that can draw itself."""

from tfapp.landscape.grid import Grid


class Surface(Grid):
    """Losses f(w + alpha*u + beta*v) around the solution w, with pictures; `Grid` says what it holds."""

    def plot(self, path, title: str | None = None) -> None:
        """Draw a PNG file: the surface in perspective (`save_surface_png`), or the curve of a line."""
        # Plotting libraries are loaded when the first picture is drawn.
        if len(self.betas) == 1:
            from tfapp.landscape.figures.plots import save_curves_png

            save_curves_png([self], [title or "loss"], path)
        else:
            from tfapp.landscape.figures.plots import save_surface_png

            save_surface_png(self, path, title)

    def to_html(self, path, title: str | None = None) -> None:
        """Write a page with the surface to turn (`surface_html`), which needs no network; not for lines."""
        from tfapp.landscape.figures.interactive import save_html, surface_html

        save_html(surface_html(self, title), path)
