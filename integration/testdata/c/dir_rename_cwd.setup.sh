mkdir -p top/mid/bottom; echo x > top/mid/bottom/file
