"""Language models under a prompt: decoders, text-to-text models, sentence encoders."""
