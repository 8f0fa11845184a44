echo "the old text" > lower
