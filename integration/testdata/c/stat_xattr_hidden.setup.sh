echo text > lower; mkdir lowerdir; echo x > lowerdir/in
