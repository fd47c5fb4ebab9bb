"""Daily use: services, deployments, and what a person does with runs."""
