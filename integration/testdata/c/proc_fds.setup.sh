echo x > file; mkdir dir; mkfifo fifo
