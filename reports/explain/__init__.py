"""Which frequencies matter: activation maps per frequency, judged by band occlusion."""
