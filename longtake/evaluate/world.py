"""The small world of the event films: what is in it, and what can happen; the words are closed."""

COLOURS = {
    "red": (214, 40, 40),
    "blue": (33, 84, 201),
    "green": (34, 150, 64),
    "yellow": (245, 200, 20),
    "orange": (245, 125, 20),
    "purple": (128, 50, 170),
}
KINDS = ("circle", "square", "triangle", "star", "person", "car")
HIDING_PLACE = "house"
"""Stands still, and is large enough to go behind; it is called no more than that."""
CAMERA, SIGN, VOICE = "camera", "sign", "voice"
"""Actors that are no things of the picture."""
ACTIONS = {
    "enters": "comes into the picture",
    "leaves": "goes out of the picture",
    "moves left": "across the picture",
    "moves right": "across the picture",
    "moves up": "",
    "moves down": "",
    "touches": "comes to the target, and they meet",
    "hides": "goes behind the target, which is all that is seen then",
    "reappears": "comes out from behind it",
    "carries": "takes the target along",
    "turns": "changes its colour to the target, a colour's name",
    "grows": "",
    "shrinks": "",
    "flashes": "is gone and back several times, in place",
    "swaps": "changes places with the target",
    "jumps": "up, and down again",
    "spins": "turns around itself",
    "zooms out": "the camera: all gets smaller",
    "zooms in": "the camera: all gets larger",
    "pans left": "the camera: all moves to the right",
    "pans right": "the camera: all moves to the left",
    "shows": "the sign, a text at the bottom: the target",
    "says": "the voice, a sentence: the target",
}
SIGN_TEXTS = ("OPEN", "CLOSED", "EXIT", "BAKERY", "PLATFORM 9", "SALE 50%", "ROOM 12", "HARBOUR")
SENTENCES = (
    "The train leaves at noon.",
    "Lunch is ready in the kitchen.",
    "It will rain tomorrow.",
    "The museum opens on Sunday.",
    "My brother plays the violin.",
    "The bridge is closed today.",
    "Please bring two tickets.",
    "The soup needs more salt.",
)
