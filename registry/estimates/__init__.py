"""How accurate is each prompt, or model, on texts that nobody has labelled? Needs numpy alone."""
