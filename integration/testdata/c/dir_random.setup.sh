mkdir -p t/a/sub/deep t/b/lower t/c t/d/a
echo 1 > t/a/file; echo 2 > t/a/sub/file; echo 3 > t/a/sub/deep/file; echo 4 > t/b/file; echo 5 > t/c/deep; echo 6 > t/d/a/file; echo 7 > t/file
ln t/a/file t/a/hard; ln t/a/file t/c/hard; ln t/a/sub/file t/b/hard; ln t/a/sub/deep/file t/a/sub/deep/hard; ln t/file t/d/hard; ln t/file t/d/a/hard
ln -s ../a/file t/b/sym; ln -s a t/sym; ln t/b/sym t/c/sym
