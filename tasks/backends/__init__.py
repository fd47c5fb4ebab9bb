"""The only place that knows other people's APIs: child processes, vLLM, TRL, model files."""
