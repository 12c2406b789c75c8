"""What a wrong result has to do with the right one, in any task: where no known mistake shows.

Each relation is a fact about the numbers, measured and said in one sentence. It says less than a
known mistake, whose cause is known, and it is never a guess. They stand here by the stage at which
a case failed, the most telling first.
"""

from sslcourse.teach.checks.relations.amounts import ALWAYS_THE_SAME, AMOUNTS
from sslcourse.teach.checks.relations.nearly import NEARLY_RIGHT, VERY_NEARLY_RIGHT
from sslcourse.teach.checks.relations.outlines import OUTLINES, TURNED
from sslcourse.teach.checks.relations.places import PLACES, RIGHT_BUT_FOR_SOME
from sslcourse.teach.checks.relations.reactions import MIXED_ROWS, RANDOM, REACTIONS, UNUSED
from sslcourse.teach.checks.relations.relation import Relation, Seen
from sslcourse.teach.checks.relations.scales import CUT_OFF, OWN_SCALES
from sslcourse.teach.checks.relations.slopes import SLOPES
from sslcourse.teach.checks.relations.some_cases import KINDS, RAISES, RIGHT_FOR_SOME

RELATIONS = {
    "shape": (RAISES, *OUTLINES),
    "dtype": KINDS,
    "value": (
        RANDOM,
        ALWAYS_THE_SAME,
        UNUSED,
        *AMOUNTS,
        *PLACES,
        MIXED_ROWS,
        RIGHT_BUT_FOR_SOME,
        CUT_OFF,
        VERY_NEARLY_RIGHT,
        OWN_SCALES,
        *REACTIONS,
        RIGHT_FOR_SOME,
        NEARLY_RIGHT,
    ),
    "gradient": SLOPES,
}


def only_turned(seen: Seen) -> tuple[Relation, str] | None:
    """Where the right numbers came, and only the order of the dimensions is another."""
    try:
        sentence = TURNED.tells(seen)
    except (Exception, SystemExit):
        return None
    return (TURNED, sentence) if "is right" in sentence else None


def first_relation(stage: str, seen: Seen) -> tuple[Relation, str] | None:
    """The first relation that holds, and its sentence."""
    for relation in RELATIONS.get(stage, ()):
        try:
            sentence = relation.tells(seen)
        except (Exception, SystemExit):  # other inputs can be too much for either function
            continue
        if sentence:
            return relation, sentence
    return None
