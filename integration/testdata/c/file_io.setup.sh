printf 0123456789 > lower
