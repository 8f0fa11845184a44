printf x > lower; mkdir dir; ln -s lower sym; chmod 6755 lower

mkdir lowerdir; echo x > lowerdir/in
