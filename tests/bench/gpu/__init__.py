"""What a GPU gives, part by part, within eight minutes."""
