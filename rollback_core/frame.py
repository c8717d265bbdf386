"""The one rule by which frames are counted.

`state[f]` is the state before frame f; the inputs of frame f take `state[f]` to `state[f + 1]`.
`current_frame` is the next frame to simulate, so `state[current_frame]` is what is on screen.
Ranges of frames are half-open. `NO_FRAME` is the value of a frontier that has not moved yet.
"""

from typing import Final

NO_FRAME: Final = -1
