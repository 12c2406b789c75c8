"""Checks: a learner hands in a function and reads what is wrong with it.

    from sslcourse.teach.checks import check, describe

    describe("03.1")                    # how the function is called, with shapes
    check("03.1", my_nt_xent_loss)      # passed, or the mistake and three hints

While nbgrader runs a notebook, a check that isn't passed raises AssertionError.

01.1 k-NN vote · 01.2 standardised features · 01.3 a frozen encoder · 01.4 normalised images
01.5 turned pictures
02.1 effective rank · 02.2 feature deviation · 02.3 chance line · 02.4 cosines over temperature
02.5 alignment and uniformity as a loss
03.1 NT-Xent · 03.2 both views in one pass · 03.3 alternating pairs · 03.4 unit length
03.5 what is evaluated · 03.6 two views · 03.7 many views · 03.8 a stem for small images
04.1 InfoNCE · 04.2 enqueue · 04.3 EMA step · 04.4 momentum encoder · 04.5 shuffled keys
04.6 one step of MoCo · 04.7 length of the queue
05.1 Sinkhorn · 05.2 swapped prediction · 05.3 prototypes · 05.4 with a queue · 05.5 those in use
06.1 patchify · 06.2 unpatchify · 06.3 random mask · 06.4 MAE's loss · 06.5 normalised targets
06.6 visible patches only · 06.7 what the decoder gets · 06.8 predictions as a picture
07.1 block mask · 07.2 Gumbel-softmax · 07.3 straight-through · 07.4 perplexity
07.5 BEiT's loss · 07.6 mask tokens · 07.7 unigram entropy
08.1 DINO's loss · 08.2 centre · 08.3 teacher's output · 08.4 teacher with BatchNorm
08.5 accumulated step
09.1 choose on validation · 09.2 few labels · 09.3 paired gap · 09.4 held-out pictures
09.5 ridge probe
11.1 attention · 11.2 class token · 11.3 mass · 11.4 Jaccard · 11.5 pointing · 11.6 choose a head

A check asks in the order exists, shape, dtype, value, gradient, invariance, and stops at the first
failure. Then it looks for a known mistake, not by stored numbers but by behaviour: what does
shuffling the positives change, what scaling the inputs, what do collapsed inputs give, where does a
gradient arrive? In a task's list of mistakes the most specific ones stand first, and the first one
that shows is named. (One is read in the source: a `return` that ends a loop in its first round.)

Where none shows, the result is rebuilt (`formulas`): the right formula is computed with one or two
of its steps done wrongly, until it gives the learner's very numbers. Where that fails, too, the
report tells how the result is related to the right one (`relations`): by a factor, by another
order, by an input that has no effect, by a gradient that does not arrive.
"""

# Of the 46 mistakes that people are known to make, these are no function of a learner's, so no
# check can find them:
# 4 (subtracting exp(1/T) leaks gradient) is a claim, and it is refuted;
# 9 (gathering over machines) needs two processes;
# 19 and 35 (a plateau, or MAE's k-NN, taken for a failure) are readings of a number;
# 46 (a weight norm that can't be copied) is the choice of a library's function.
# In short, the others are found at
# 1 3 5 6 7 44: 03.1; 2: 03.2 03.3; 8: 03.7; 10: 02.3; 11: 08.5; 12: 04.6; 13: 04.7; 14: 04.3 04.4;
# 15: 08.4; 16: 04.5; 17: 03.2; 18: 02.1 02.2; 20 21: 05.1; 22: 05.3; 23: 05.4; 24: 05.5;
# 25 26 27: 08.1 to 08.3; 28: 03.5; 29: 01.3; 30: 01.1; 31: 06.4; 32: 06.1 06.2; 33: 06.5; 34: 06.8;
# 36: 07.1; 37: 07.7; 38: 07.4; 39: 03.6; 40: 01.4; 41: 03.8; 42: 11.1; 43: 04.3; 45: 09.1 11.6.

from sslcourse.teach.checks.examine import check, describe
from sslcourse.teach.checks.report import CheckReport

__all__ = ["CheckReport", "check", "describe"]
