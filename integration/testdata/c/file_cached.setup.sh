mkdir -p d/e; echo x > d/e/f
