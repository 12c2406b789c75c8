"""All methods under one protocol: `python -m sslcourse evaluate --all`, and `--checkpoints`.

Every method gets the same images, the same wall-clock time and the same seeds, and its laptop
budget's recipe, which was chosen beforehand. Of BEiT's time a third trains its tokenizer. Then its
encoder is measured as `sslcourse.evaluate.protocol` says, beside pixels, the untrained encoders and
supervised training of the same length. Learning rates of fine-tuning are chosen with the first
seed and hold for the others; a seed also draws the few labels, the same ones for every method.

Two things to keep in mind: the images to choose on are among those that a method was pretrained on
(without their labels), and supervised training, which learns from all labels, is no rival of the
probes but shows what the network can do.

`rows` says what is compared, `trainings` makes the encoders, `measuring` fills the rows, `tables`
gathers seeds and prints, `commands` does all of it.
"""
