"""windtunnel: machine learning on AWS that people can trust. `core` has the words, `stages` the journey."""
