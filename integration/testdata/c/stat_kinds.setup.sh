printf 'twelve bytes' > lower; mkdir lowerdir; ln -s lower link; ln -s nowhere dangling; ln -s lowerdir dirlink; mkfifo pipe
: > empty; chmod 600 empty; chmod 755 pipe; mkdir lowerdir/sub; printf x > lowerdir/inner; chmod 2711 lowerdir/sub
