mkdir -p d/e; echo 1 > d/e/f; echo 2 > d/g; echo 3 > h; ln -s h l
