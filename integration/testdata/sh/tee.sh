#!/bin/sh
# laplace: same
# tee: several copies, appending, a reader that leaves, full pipes.
echo one | tee a b c
cat a b c
echo two | tee -a a | tr a-z A-Z; cat a
seq 1 100000 | tee big | tail -n 1; md5sum <big
seq 1 100000 | tee copy1 copy2 | md5sum; cmp copy1 copy2 && echo equal
seq 1 100000 | tee full | head -n 1
seq 1 1000 | tee -p whole | head -n 1 >/dev/null; wc -l <whole
echo x | tee /dev/stderr 2>err | sed 's/^/out /'; cat err
echo x | tee none/file 2>/dev/null; echo "status $?"
mkfifo f; (tr 0-9 a-j <f >translated) & seq 1 50 | tee f >plain; wait; paste plain translated | tail -n 1; rm f
rm full
