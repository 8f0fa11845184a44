echo content > file; mkdir dir; ln -s file link; ln -s nowhere dangling; ln -s dir dirlink; echo keep > trunc; mkfifo fifo; echo w > readonly; chmod 444 readonly
