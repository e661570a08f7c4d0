"""The network that is trained: backbone, pyramid, selection and segmenter; loading it."""
