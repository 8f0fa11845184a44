printf x > file; mkdir dir; ln -s file link
