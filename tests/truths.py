"""Sentences about made-up descriptions, true ones and ones made false on purpose, by kind.

A scene is two descriptions in time order, then sentences that put them fairly in other words.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from longtake.text.clauses import CLAUSE_END, QUOTED, lower_start, split_text
from longtake.text.numbers import list_numbers

SCENES = """
- A man in a red jacket walks a small brown dog along a path. He throws a ball across the grass.
- The dog brings the ball back. The man kneels down and strokes its head.
= Someone plays fetch with his dog in a park.
= The man's dog returns what he has thrown.

- Ann hands Bob a blue folder across the desk. Bob opens it and reads the first page.
- Ann points at a chart on the wall. Bob shakes his head and closes the folder.
= Bob looks at what Ann gave him, and then disagrees.
= Bob gets a folder from Ann.

- Three children build a sandcastle near the water. A woman watches them from a chair.
- A wave destroys the sandcastle. The children run away and laugh.
= The sea washes away what the kids have made.
= While the children play, a woman sits nearby.

- A title card reads "Bread in Five Steps". A chef stands behind a table with flour and water.
- The chef kneads the dough. He puts it into an oven and closes the door.
= The chef works the dough before it is baked.
= It is a video about making bread.

- A bus stops in front of a school. Seven pupils get off and wave to the driver.
- The bus drives away. A girl runs after it with a backpack in her hand.
= The driver is greeted by 7 pupils who leave the bus.
= A girl has perhaps left something: she chases the bus.

- Two goalkeepers warm up on a wet field. A referee in black checks the net.
- A player in blue kicks the ball into the net. The referee blows a whistle.
= A goal is scored by a player in blue.
= Before the game the net is inspected.

- A voice says "We sold forty thousand units last year". A bar chart has 4 bars.
- A voice says "This year it will be fifty thousand". The highest bar turns green.
= The speaker reports that they sold 40,000 units last year.
= A chart illustrates the sales.

- A cyclist stops at a red light. A white van does not stop and turns left.
- A police car follows the van. The cyclist shakes his fist.
= The van runs a red light, and the police go after it.
= A cyclist is angry about a van.

- Doctor Reed examines a patient on a bed. Nurse Hall writes a number on a sheet.
- Doctor Reed leaves the room. Nurse Hall brings the patient a glass of water.
= After the doctor has gone, the nurse gives the patient something to drink.
= The patient is seen by a doctor.

- The heading reads "Volcanoes of Iceland". A map shows twelve red dots.
- Lava flows down a slope at night. A voice says "The last eruption took three weeks".
= The speaker tells how long the last eruption took.
= A map marks twelve places.

- A woman pours milk into a bowl and adds two eggs. A cat sits on the counter.
- The cat knocks over the milk bottle. The woman wipes the floor with a cloth.
= A cat makes a mess that the woman cleans up.
= Eggs go into the bowl with the milk.

- Maria plays a violin on a stage. About fifty people sit in the hall.
- The audience claps. Maria bows and Peter brings her flowers.
= The audience applauds Maria's playing.
= Peter gives Maria flowers.

- A train enters a station at dusk. A man with a suitcase waits on the platform.
- The man gets on the train. The platform is empty.
= The man boards with his suitcase.
= After the train has come in, nobody is left on the platform.

- A boy on a skateboard jumps over four steps. His friend films him with a phone.
- The boy falls and holds his knee. His friend runs to him.
= The boy hurts himself, and a friend comes to help.
= A jump is recorded on a phone.

- The slide reads "Chapter 2: Supply and Demand". A teacher draws two lines that cross.
- The teacher writes "price" beside the vertical line. A student raises her hand.
= The lesson is about economics.
= A student wants to ask something.

- A large ship passes under a bridge. Three tugboats pull it.
- The ship reaches the dock. Workers throw ropes to the crew.
= With the help of tugs, a ship comes to its berth.
= The ship goes under a bridge.

- A farmer drives a red tractor across a field. Crows follow it.
- The tractor stops beside a barn. The farmer climbs down and opens the gate.
= A farmer comes back from his field.
= Birds fly after the tractor.

- A woman with glasses reads a letter at a window. She does not smile.
- She tears the letter apart and throws it into a fire. A man enters the room.
= The woman burns a letter.
= A man comes in after the woman has destroyed the letter.

- [P1] a woman in a green coat enters a shop. [P2] a man behind the counter greets [P1].
- [P1] pays with a card. [P2] gives [P1] a bag with apples.
= [P1] buys apples from [P2].
= [P2] serves [P1] in a shop.

- A reporter stands before a flooded street. Text reads "Live from Dresden".
- A rescue boat carries two women and a dog. A voice says "The water rose 90 centimetres".
= People and an animal are rescued by boat.
= The report comes from Dresden.

- A man repairs a clock at a bench. Nobody else is in the workshop.
- He closes the case and winds the clock. The hands begin to move.
= Working alone, a man gets a clock going again.
= The clock works after the repair.

- A waiter carries a tray with six glasses. A child bumps into the waiter.
- The glasses break on the floor. The child's mother says "I am so sorry".
= The mother apologises for her child.
= Six glasses are broken after a collision.

- Two hikers climb a rocky slope. Snow covers the peak behind them.
- One hiker plants a flag on the peak. The other hiker takes a photo.
= The hikers reach the top and celebrate it.
= A picture is taken on the peak.

- A white horse gallops along a beach. A woman in a black dress rides it.
- The horse stops at the water. The woman gets off and leads it away.
= A rider gallops by the sea and then dismounts.
= The horse walks off, led by the woman.

- The screen shows a login page. The user types "maria_k" into the first field.
- An error message reads "Wrong password". The user clicks on "Forgot password".
= The login fails.
= The user tries to log in and then asks for a new password.

- A surgeon explains a picture of a knee. He says "The cartilage is almost gone".
- A patient asks a question. The surgeon points at a metal joint.
= The doctor shows an artificial joint.
= A knee is the subject of the talk.

- Tom paints a fence white. Lucy carries two buckets of paint.
- Lucy spills some paint on Tom. Tom laughs.
= Tom takes Lucy's mishap with humour.
= A fence gets a new coat of paint.

- A robot arm lifts a car door. Sparks fly from a welding torch.
- A worker in yellow checks the door. He presses a green button and the belt moves.
= After a check the line goes on.
= Cars are made here.

- A crowd of about 200 people fills a square. A woman speaks into a microphone.
- The woman says "We will not give up". The crowd raises blue flags.
= A speaker vows to go on before a crowd.
= The people answer with blue flags.

- An old man feeds five pigeons from a bench. A girl gives him a biscuit.
- The pigeons fly away. A dog runs through the square.
= The girl shares a biscuit with an old man.
= A dog scares the birds off, it seems.
"""
HELD_OUT = """
- The video opens with a wide shot of a busy city intersection. Several pedestrians cross the street while two yellow taxis wait at the traffic light.
- A young woman wearing headphones walks toward the camera. She checks her phone and then looks up at a billboard that reads "Summer Sale".
= At a crossing in a city, cabs wait while people on foot go over the street.
= A woman with headphones looks at her phone before she notices an advertisement.
= The film begins at an intersection in a city.
! A young man wearing headphones walks toward the camera.
! Three yellow taxis wait at the traffic light.
! The billboard reads "Winter Sale".
! She looks up at a billboard and then checks her phone.

- A chef in a white apron slices two tomatoes on a wooden cutting board. Beside her lie a lemon and three cloves of garlic.
- She heats oil in a pan and adds the garlic first, then the tomatoes. Steam rises from the pan.
= A cook prepares vegetables and fries them.
= The garlic goes into the pan before the tomatoes.
= Five ingredients lie or are cut on the board.
! She adds the tomatoes first, then the garlic.
! Two cloves of garlic lie beside her.
! A chef in a black apron slices tomatoes.

- A lecturer introduces herself as Dr. Amara Okafor. The slide behind her is titled "Neural Plasticity in Adults".
- She explains that the study followed 128 patients for six months. A graph shows a rise of 15 percent.
= Okafor presents a study of 128 people that took half a year.
= The talk is about how adult brains change.
= According to the graph, something went up by 15 percent.
! The study followed 128 patients for six years.
! Dr. Amara Nwosu introduces herself.
! A graph shows a fall of 15 percent.
! The study followed 182 patients.

- Two teams play basketball in a crowded gym. A player with the number 23 dribbles past a defender and scores.
- The scoreboard shows Home 54, Guest 49. The coach of the guests calls for a timeout.
= The hosts lead by five points when the visiting coach takes a break.
= Number 23 scores in a full gym.
= Spectators watch a game of basketball.
! The coach of the hosts calls for a timeout.
! A defender dribbles past a player with the number 23.
! The scoreboard shows Home 49, Guest 54.
! Nobody watches the game.

- An elderly man sits on a park bench and feeds pigeons from a paper bag. A toddler in a yellow raincoat runs toward the birds.
- The pigeons scatter. The toddler laughs, and a woman picks the child up.
= A small child scares away the birds that an old man has been feeding.
= After the birds are gone, a woman lifts the child.
= It may have rained: the little one wears a raincoat.
! The elderly man picks the child up.
! The pigeons do not scatter.
! A toddler in a red raincoat runs toward the birds.

- [P1] a man in a grey hoodie unlocks a bicycle. [T1] a blue van parks beside him.
- [P1] rides away. [P2] a courier gets out of [T1] and carries two parcels to a door.
= A courier delivers parcels while [P1] is already gone.
= [P1] leaves by bicycle, and [P2] arrives in [T1].
= Someone in a hoodie cycles away.
! [P2] rides away, and [P1] carries two parcels.
! [P1] gets out of [T1].
! [P3] carries two parcels to a door.

- The screen recording shows a terminal. The user runs "pip install flask" and waits.
- An editor opens with a file named app.py. The user writes a function called index that returns "Hello".
= The user installs a package and then writes some code.
= A small program that says hello is written.
= The recording is about programming.
! The user runs "pip install django".
! The function returns "Goodbye".
! The user writes a function before installing a package.

- Rain falls on a football pitch at night. The referee stops the match and both teams leave the field.
- Groundskeepers push water off the grass with brooms. A voice says "We hope to continue in twenty minutes".
= Because of the weather the game is interrupted.
= The announcer expects a break of 20 minutes.
= Workers try to dry the pitch.
! The match goes on in the rain.
! We hear that they hope to continue in thirty minutes.
! Both teams push water off the grass.
"""  # noqa: E501
"""Written after the check, which was not changed for them; `!` begins a false sentence."""
REVIEWED = """
Ann wears a red hat and Bob wears a blue hat. => Ann wears a blue hat.
Home has 54 points and Guest has 49 points. => Home has 49 points.
Ann has 3 apples, and Bob has 5 apples. => Ann has 5 apples.
A man hits the ball past a woman. => A man hits a woman.
A man throws a ball to a dog. => A man throws a dog.
A man takes a gun from a woman. => A man takes a woman.
A man takes the bus instead of the train. => A man takes the train.
A man buys a cat rather than a dog. => A man buys a dog.
A dog chased by a cat runs away. => A dog chases a cat.
A man followed by a policeman enters the room. => A man follows a policeman.
A man is followed by a policeman. => A man follows a policeman.
A boy carried by his father waves. => A boy carries his father.
Ann's dog bites Bob. => Ann bites Bob.
The man's dog barks at a cat. => The man barks at a cat.
A woman's son dies. => A woman dies.
The bus driver sleeps. => The bus sleeps.
A dog owner barks orders. => A dog barks.
The car thief runs away. => The car runs away.
A horse trainer jumps over a fence. => A horse jumps over a fence.
A man watches dogs eat grass. => A man eats grass.
A woman hears Bob scream. => A woman screams.
Ann thinks Bob lies. => Ann lies.
A man says Bob stole the car. => A man stole the car.
A man sees Ann leave the room. => A man leaves the room.
A father helps Tom ride a bike. => A father rides a bike.
Two men carry boxes. => There are two boxes.
Three children eat apples. => There are three apples.
A white dog chases cats. => There are white cats.
Two hundred people wait at the gate. => Two people wait at the gate.
Two thousand people clap. => Two people clap.
A crowd of twenty-five people waits. => A crowd of five people waits.
Twenty-five people wait. => Twenty people wait.
Two dozen eggs lie on the table. => Two eggs lie on the table.
It costs 100 million dollars. => It costs 100 dollars.
Prices rise 15%. => Prices rise $15.
It is -5 degrees outside. => It is 5 degrees outside.
The chart shows a change of +3%. => The chart shows a change of -3%.
It starts at 10:30. => It starts at 30.
The game ends 3-2. => The game ends 3:2.
A man hardly moves. => A man moves.
A man barely moves. => A man moves.
A man rarely smiles. => A man smiles.
A man avoids hitting the dog. => A man hits the dog.
The car avoids hitting the wall. => The car hits the wall.
A man denies stealing the car. => A man steals the car.
A woman considers leaving the room. => A woman leaves the room.
A boy imagines flying a plane. => A boy flies a plane.
A man mimes driving a car. => A man drives a car.
A man quits smoking. => A man smokes.
A man refuses to open the door. => A man opens the door.
A man tries to open the door. => A man opens the door.
Everyone except Ann leaves. => Everyone leaves.
Everyone except Ann leaves. => Ann leaves.
If the alarm rings, a guard comes. => A guard comes.
If the alarm rings, a guard comes. => The alarm rings.
Perhaps a man waits outside. => A man waits outside.
A man might win the race. => A man wins the race.
A man may be asleep. => A man is asleep.
A man will jump. => A man jumps.
The man is far from home. => The man is home.
The man is away from home. => The man is home.
The plan fails. => The plan.
A man enters. He sits down. Bob drinks. He falls. => A man enters. He falls.
Tom sits. He smokes. Ann hands Bob a cup. He drinks. => Tom sits. He drinks.
A plastic dog stands on the table. => A dog stands on the table.
A cartoon dog talks. => A dog talks.
A man lacks money. => A man, money.
A man opens the door and a woman enters the room. => A man opens the room.
A man opens the door and a woman enters the room. => A man enters the room.
A man gives Ann flowers. => A man gives flowers to Ann.
Ann gives Bob a book and Tom a pen. => Ann gives Bob a pen.
A man kisses Ann before he leaves Bob. => A man kisses Bob.
The door is not locked. => The door is locked.
The door is unlocked. => The door is locked.
A man leaves after a woman arrives. => A man leaves, then a woman arrives.
A man leaves before a woman arrives. => A woman arrives.
Before the woman arrives, the man leaves. => The woman arrives, then the man leaves.
A man shoots at a target near a woman. => A man shoots a woman.
A man cuts bread for the woman. => A man cuts the woman.
A sign forbids dogs. => A sign, dogs.
On 12 March 2020 the bridge opens, on 5 May 2021 it closes. => On 12 March 2021 it closes.
The bridge opens on 12 March and closes on 5 May. => The bridge opens on 5 May.
Sales rose from 10 to 20 percent. => Sales rose to 20 percent.
Sales rose by 10 and costs rose by 20 percent. => Sales rose by 20 percent.
Sales rise in the north and fall in the south. => Sales rise in the south.
A man in a red coat meets a woman in a blue dress. => A man in a blue dress.
A man in a red coat meets a woman in a blue dress. => A man in a dress.
A cup stands on the table and a cat lies under the bed. => A cup stands on the bed.
A cup stands on the table and a cat lies on the bed. => A cup stands on the bed.
A man sits on a chair, a woman on a sofa. => A man sits on a sofa.
Ann is a doctor and Bob is a nurse. => Ann is a nurse.
Ann is the mother of the thief. => Ann is the thief.
A man speaks with the wife of a minister. => A man speaks with a minister.
The team lost 3 games and won 5 games. => The team lost 5 games.
Bob, not Ann, wins. => Ann wins.
Bob wins, Ann loses. => Bob loses.
A man is too tired to drive the car. => A man is tired, drives the car.
A man too tired to drive sleeps. => A man drives.
A man steps away from the edge. => A man steps from the edge.
A man stands still while cars move. => A man moves.
The man who shot Bob flees. => The man flees.
The man whom Bob shot flees. => The man shot.
The man Bob shot flees. => The man shot Bob.
The man whose dog died cries. => The man died.
The man prevents Ann from leaving. => The man leaves.
The bomb is defused before it explodes. => The bomb explodes.
A man would kill Ann. => A man kills Ann.
A man threatens killing Ann. => A man kills Ann.
A 5-year-old boy holds 3 balloons. => A 3-year-old boy holds balloons.
A boy holds 3 balloons. => 3 balloons hold a boy.
The temperature is 5 °C. => The temperature is 5 °F.
Half of 200 people vote. => 200 people vote.
One in ten people votes. => Ten people vote.
Nine out of ten people vote. => Nine people vote.
He says “I did it”. => I did it.
A voice says "I never said I killed him". => A voice says "I killed him".
She says 'he is dead'. => He is dead.
The dead man's wife sings. => The man sings.
Only Ann leaves. => Ann leaves.
Ann leaves only after Bob arrives. => Ann leaves after Bob arrives.
The first runner to fall wins. => The first runner wins.
A man is shot by a woman. => A man is shot.
A man is shot by a woman. => A man shot a woman.
A man shot by a woman dies. => A man shot a woman.
A car hit by a train burns. => A car hit a train.
The house sold by Ann to Bob burns. => The house sold Ann.
A man enters the shop. // The man pays. => The man pays. A man enters the shop.
A man enters the shop. // The man pays. => The man pays; a man enters the shop.
A man enters the shop. // The man pays. => First the man pays. Then a man enters the shop.
Tom sits on a bench. // Bob stands. He smokes. => Tom sits on a bench. He smokes.
Tom sits on a bench. // Bob stands. He smokes. => Tom sits on a bench and smokes.
Tom sits on a bench. // Bob stands. He smokes. => Tom sits on a bench, then he smokes.
A voice says "The winner is" // A voice says "Peter lost everything" => A voice says "The winner is Peter".
A voice says "I love" // A man walks. // A voice says "to hate you" => A voice says "I love to hate you".
Before the alarm rings, Ann leaves. => The alarm rings. Ann leaves.
Ann leaves after Bob arrives. => Ann leaves, then Bob arrives.
Ann leaves after Bob arrives. => Ann leaves. Later Bob arrives.
Ann leaves after Bob arrives. => First Ann leaves, finally Bob arrives.
Ann says that the house burns. => The house burns.
Ann says the house burns. => The house burns.
Ann dreams, the house burns in her dream. => The house burns.
It is not true that Ann leaves. => Ann leaves.
Nobody believes Ann, who lies. => Ann lies.
Ann leaves, does she? => Ann leaves.
Is Ann a thief? => Ann is a thief.
Does a man drive the car? => A man drives the car.
A poster of a man hangs there. => A man hangs there.
A photograph of a man falls. => A man falls.
A drawing shows a man falling. => A man falls.
Clip: a man falls. Credits roll. => Credits fall.
A doll falls from the shelf onto a dog. => A doll falls onto a dog.
A man on TV shoots a dog. => A man shoots a dog.
In a game a man shoots a dog. => A man shoots a dog.
In a painting, a man shoots a dog. => A man shoots a dog.
A man, seen in a mirror, waves. => A man waves.
Unlike Ann, Bob is a doctor. => Ann is a doctor.
Unlike Ann, Bob sings. => Ann sings.
Ann sings, unlike Bob. => Ann sings.
Bob's plan to kill Ann fails. => Bob kills Ann.
Bob plans killing Ann. => Bob kills Ann.
A woman with 2 dogs and a man with 3 cats walk. => A woman with 3 cats walks.
A woman with 2 dogs and a man with 3 cats walk. => A woman with a man with 3 cats.
Seats: 20. Guests: 15. => Guests: 20.
Seats: 20. Guests: 15. => Seats: 15.
Red 3, Blue 5. => Blue 3.
Red 3, Blue 5. => Red 5.
The price falls from 20 to 10 euros. => The price falls to 10 euros.
The price falls from 20 euros to 10 euros. => The price is 20 euros to 10.
It weighs 5 kg and measures 10 m. => It weighs 10 m.
It weighs 5 kg and costs 10 euros. => It weighs 5 euros.
It takes 5 minutes, not 5 hours. => It takes 5 hours.
The film is from 1999, the book from 1950. => The film is from 1950.
Ann is good at the piano. => Ann is good.
Nobody in the room smiles. => Nobody.
Ann leaves, Bob thinks. => Ann leaves.
The man does not wave at the dog. => The man does not wave.
Two hundred and five people wait. => Two hundred.
The house burns, she says. => The house burns.
All of it ends in a dream. => All of it ends.
Ann wins in a video game. => Ann wins.
Ann wins, a rumour has it. => Ann wins.
A man has a gun, made of chocolate. => A man has a gun.
The woman becomes blind in an eye. => The woman becomes blind.
A man sings. A woman dances. => A man sings, then a woman dances.
A man sings. // He dances. Bob laughs. => A man sings. Bob laughs. He dances.
A voice says "I never said". // A voice says "I killed him and ran". => A voice says "I killed him".
Text reads "You are / not / guilty". => Text reads "You are / guilty".
"""  # noqa: E501
"""Descriptions between slashes, and a false sentence of their words: what a review found."""
NEW_NAME, NEW_MARK = "Zacharias", "P9"
SYMMETRIC = re.compile(r"\b(?:and|or|with|beside|near|next|meets?|hugs?)\b")
VERB = re.compile(
    r"\b(walk|throw|bring|hand|open|point|watch|destroy|stand|knead|put|stop|drive|check|kick|blow"
    r"|turn|follow|examine|write|leave|show|flow|pour|sit|play|clap|wait|enter|jump|film|fall|draw"
    r"|raise|pass|pull|reach|read|tear|pay|greet|give|carrie|repair|close|break|climb|cover|plant"
    r"|gallop|type|click|explain|ask|paint|carry|spill|laugh|lift|press|fill|speak|feed|run|fl|get"
    r"|look|return|buy|serve|come)(s|es)\b"
)


@dataclass(frozen=True)
class Told:
    """A sentence about descriptions: true, or made false; `kind` says how it was made."""

    kind: str
    sources: tuple[str, ...]
    sentence: str
    true: bool


def tell_held_out() -> list[Told]:
    """Sentences of scenes that the check was not made with, true and false ones, by hand."""
    told = []
    for block in HELD_OUT.strip().split("\n\n"):
        lines = block.splitlines()
        sources = tuple(line[2:] for line in lines if line.startswith("- "))
        for line in lines:
            if line[0] in "=!":
                told.append(Told("by hand", sources, line[2:], line[0] == "="))
    return told


def tell_reviewed() -> list[Told]:
    """False sentences that a review made of the descriptions' own words."""
    told = []
    for line in REVIEWED.strip().splitlines():
        sources, _, sentence = line.partition(" => ")
        told.append(Told("own words, put together", tuple(sources.split(" // ")), sentence, False))
    return told


def load_scenes() -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """The descriptions and the fair sentences of each scene."""
    scenes = []
    for block in SCENES.strip().split("\n\n"):
        lines = block.splitlines()
        sources = tuple(line[2:] for line in lines if line.startswith("- "))
        scenes.append((sources, tuple(line[2:] for line in lines if line.startswith("= "))))
    return scenes


def tell_all() -> list[Told]:
    """All sentences, true and false, of all scenes."""
    told = []
    for sources, fair in load_scenes():
        told += [Told(kind, sources, text, True) for kind, text in tell_true(sources)]
        told += [Told("in other words", sources, text, True) for text in fair]
        clauses = [f"{clause}." for source in sources for clause in split_text(source, CLAUSE_END)]
        for text in (*clauses, *fair):
            told += [Told(kind, sources, new, False) for kind, new in mutate(text, sources)]
        told += [Told("order", sources, swap_order(sources), False)]
    return told


def tell_true(sources: Sequence[str]) -> Iterator[tuple[str, str]]:
    """What says no more than the descriptions, in their words."""
    firsts = [split_text(source, CLAUSE_END) for source in sources]
    for clause in (clause for clauses in firsts for clause in clauses):
        yield "a clause", f"{clause}."
        if (short := shorten_clause(clause)) != clause:
            yield "a shorter clause", f"{short}."
    if firsts[1][0].split()[0] not in ("He", "She"):
        yield "joined by then", f"{firsts[0][0]}, then {lower_start(firsts[1][0])}."


def shorten_clause(clause: str) -> str:
    """Without its last phrase, where that begins with a plain preposition."""
    found = re.fullmatch(
        r"(.+?\w+ \w+.*) (?:in|on|at|along|across|near|beside|from) [^,\"]+", clause
    )
    return found[1] if found and " not " not in clause and VERB.search(found[1]) else clause


def mutate(text: str, sources: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each way in which the sentence can be made false, with its name."""
    for kind, change in CHANGES.items():
        changed = change(text, sources)
        if changed and changed != text:
            yield kind, changed


def change_number(text: str, sources: Sequence[str]) -> str:
    """A number that no source holds in place of the first one."""
    known = {number for source in sources for number in list_numbers(source, claimed=False)}
    new = next(str(number) for number in (8, 9, 11, 13) if str(number) not in known)
    outside = re.sub(QUOTED, lambda found: "_" * len(found[0]), text)
    for word in re.finditer(r"\b[\w,]*\w\b", outside):
        if list_numbers(word[0]):
            return text[: word.start()] + new + text[word.end() :]
    return ""


def change_name(text: str, sources: Sequence[str]) -> str:
    """A name that no source holds in place of one of theirs."""
    return "" if '"' in text else re.sub(NAMES, NEW_NAME, text, count=1)


def change_thing(text: str, sources: Sequence[str]) -> str:
    """A thing or a colour that no source tells of in place of the first one."""
    found = re.search(rf"\b(?:an? )?({COLOURS}|{THINGS})\b", text, re.IGNORECASE)
    if not found or '"' in text:
        return ""
    pool = ("purple", "pink", "green") if re.fullmatch(COLOURS, found[1]) else ("elephant", "pizza")
    told = " ".join(sources).casefold()
    new = next(word for word in pool if word not in told)
    return _start(text[: found.start()] + _as(found[0], new) + text[found.end() :])


NAMES = r"\b(?:Ann|Bob|Maria|Peter|Tom|Lucy)\b"
COLOURS = "red|orange|yellow|green|blue|purple|pink|brown|black|white|grey"
THINGS = "man|woman|boy|girl|dog|cat|horse|bird|car|bus|train|truck|boat|ball|chair|table|cup|door"


def _as(old: str, new: str) -> str:
    """With the article that fits, where there was one."""
    if " " not in old or old.split()[0].casefold() not in ("a", "an"):
        return new
    return f"{old[0]}{'n' if new[0] in 'aeiou' else ''} {new}"


def _start(text: str) -> str:
    return text[:1].upper() + text[1:]


def change_quote(text: str, sources: Sequence[str]) -> str:
    """A word that is not there, in place of the last one of a quotation."""
    return re.sub(r'(\w+)(\W*")(?=[^"]*$)', r"pumpkins\2", text) if text.count('"') == 2 else ""


def change_mark(text: str, sources: Sequence[str]) -> str:
    """Somebody else's mark in place of the first."""
    return re.sub(r"\[P\d+\]", f"[{NEW_MARK}]", text, count=1)


def negate(text: str, sources: Sequence[str]) -> str:
    """The contrary: `is not`, `does not`; or no denial where there was one."""
    if '"' in text or re.search(r"\b(?:nobody|perhaps|seems)\b", text, re.IGNORECASE):
        return ""
    if re.search(r"\b(?:does|do|will) not\b", text):
        return re.sub(r"\b(?:does|do) not (\w+)", r"\1s", text, count=1)
    if re.search(r"\b(?:is|are)\b", text):
        return re.sub(r"\b(is|are)\b", r"\1 not", text, count=1)
    return VERB.sub(lambda m: f"does not {'fly' if m[1] == 'fl' else m[1]}", text, count=1)


def swap_doers(text: str, sources: Sequence[str]) -> str:
    """Who does it and whom or what it is done to, swapped within a clause of the sources."""
    if SYMMETRIC.search(text) or '"' in text or text[:-1] not in " ".join(sources):
        return ""
    found = re.fullmatch(rf"({_WHO}) (\w+) ({_WHO})\b(.*)", text, re.DOTALL)
    if not found or not VERB.fullmatch(found[2]):
        return ""
    doer, verb, other, rest = found.groups()
    return _start(f"{other} {verb} {lower_start(doer)}{rest}")


_WHO = (
    r"(?:(?:[Aa]n?|[Tt]he) (?:(?:white|police|rescue|robot|milk|blue|red) )?\w+|[A-Z]\w+ [A-Z]\w+"
    r"|Ann|Bob|Maria|Peter|Tom|Lucy|\[P\d\])"
)


def drop_words(text: str, sources: Sequence[str]) -> str:
    """What stands behind a preposition in place of what something is done to."""
    if text[:-1] not in " ".join(sources):
        return ""
    found = re.fullmatch(
        rf'([^"]*?{VERB.pattern}) (?:the|a|an|his|her|its|two|five|twelve) [^"]*?'
        r" (?:across|to|into|from|with|on|behind|at|beside|after|in|over) ((?:the|an?|his) .*)",
        text,
    )
    return f"{found[1]} {found[4]}" if found else ""


def swap_order(sources: Sequence[str]) -> str:
    """What comes last, then what comes first."""
    first = split_text(sources[0], CLAUSE_END)[0]
    last = split_text(sources[-1], CLAUSE_END)[-1]
    return f"{last}, then {lower_start(first)}."


CHANGES = {
    "number": change_number,
    "name": change_name,
    "thing or colour": change_thing,
    "quotation": change_quote,
    "mark": change_mark,
    "denial": negate,
    "who does what": swap_doers,
    "words dropped": drop_words,
}
