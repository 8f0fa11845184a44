printf x > lower; mkdir dir; printf y > dir/inner; mkdir dir/sub
