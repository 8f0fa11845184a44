echo "the old text" > lower; echo another > other
