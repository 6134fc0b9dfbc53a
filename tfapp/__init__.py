"""tfapp: spatially regular segmentation networks, their loss landscapes, and their export.

In one's own code: `tfapp.layers` (TVSoftmax and friends), `tfapp.export`, `tfapp.models`,
`tfapp.landscape`. From the shell: the command `tfapp`.
"""

__version__ = "0.2.0.dev0"
