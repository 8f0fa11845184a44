for d in lower full empty other; do mkdir $d; done; : > full/x; mkdir -p lower/a/b/c; echo deep > lower/a/b/c/file; echo shallow > lower/file
ln lower/file lower/a/hard; ln -s ../file lower/a/sym; echo 1 > one; echo 2 > two; echo 3 > three; mkdir twice; echo t > twice/t
