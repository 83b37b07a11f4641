"""What people decide about tags: no machine changes it afterwards."""
