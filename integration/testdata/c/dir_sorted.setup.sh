mkdir d; for n in zebra apple Mango _x 10 9 banana .hidden a b c ü ~ '-dash' 'sp ace'; do : > "d/$n"; done
mkdir d/subdir; ln -s x d/symlink; mkfifo d/fifo
