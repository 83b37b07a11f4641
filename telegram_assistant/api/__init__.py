"""What all endpoints share. The rooms do not import it: settings name its parts to DRF."""
