echo target > file; mkdir dir; echo inner > dir/inner; ln -s file link; ln -s dir dirlink; ln -s nowhere dangling; ln -s loop2 loop1; ln -s loop1 loop2; ln -s self self
