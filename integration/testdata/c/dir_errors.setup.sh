mkdir full empty gone; : > full/x; : > file; ln -s full link; ln -s nowhere dangling; mkdir -p deep/a/b; : > deep/a/b/c; : > deep/a/f
