"""Control: the process that turns zone files into images and tells the workers of them."""
