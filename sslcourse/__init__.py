"""sslcourse: self-supervised learning for images, to predict, train, see and break.

Read in this order: `methods` (one file per method, beside its lesson), `networks` (what methods are
built from), `data` (images and random views), `train` (one loop for all), `evaluate` (probes and
signs of collapse). `teach` shows all of it in the notebooks.

Letters in shapes, the same everywhere:

    N  images in a batch        V  views of an image        D  width of a feature
    L  patches of an image      P  patch size in pixels     C  channels, or classes
    K  prototypes, or negatives (the queue)

Images are (N, C, H, W). Masks are bool, and True means masked, that is hidden.
"""
