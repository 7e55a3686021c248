"""People's images, in and out: files, folders and streams of them, cut to one size."""
