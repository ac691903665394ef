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
}
