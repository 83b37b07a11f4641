"""Parts that all endpoints share. Settings name them to DRF, so no room imports them."""
