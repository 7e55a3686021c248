"""Images from outside a generator, and images on disk.

Readers of what people hold, real or rendered from known factors; the one prepared form that
training reads; streams of files of any number; and the writing of images.
"""
