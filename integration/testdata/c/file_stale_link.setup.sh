echo "the old text" > one; ln one two
