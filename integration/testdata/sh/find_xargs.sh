#!/bin/sh
# laplace: same
# find | sort | xargs and the other text tools over a small tree.
mkdir -p src/lib src/bin doc empty 'with space'
for i in 1 2 3 4 5; do seq 1 $((i * 10)) >src/lib/f$i.c; echo "main $i" >src/bin/m$i.sh; done
echo text >doc/readme; : >doc/void; echo odd >'with space/a file'; ln -s ../src doc/link
find . -type f ! -name prog | sort
find src -name '*.c' | sort | xargs wc -l
find src -name '*.c' -print0 | sort -z | xargs -0 -n 2 echo pair
find . -type f -name '* *' -print0 | xargs -0 cat
find . -type l -printf '%p -> %l\n'; find . -type d -empty; find . -type f -empty
find src -type f -size +0 -exec grep -l 'main [24]' {} + | sort
find src -name 'm*.sh' -exec sh -c 'for f; do basename "$f" .sh; done' sh {} + | sort
printf '%s\n' a b c d e | xargs -n 2 | sed 's/ /-/'
printf 'one\ntwo\n' | xargs -I{} echo "<{}>"
echo 1 2 3 | xargs -n 1 sh -c 'exit $0'; echo "xargs $?"
: | xargs -r echo never
seq 1 20 | xargs -n 1 -P 4 sh -c 'echo $(($0 * $0)) >sq$0'; cat $(ls sq* | sort -V) | tr '\n' ' '; echo
rm sq*
cat src/bin/* | sort -r | uniq | cut -d' ' -f2 | tr '\n' ,; echo
grep -c . src/lib/*.c | sort -t: -k2,2nr | head -n 2
awk '{ s += $1; n++ } END { print s, n, s / n }' src/lib/*.c
ls -R src | paste -sd' '
du -a --apparent-size -b src/lib | sort -k2 | cut -f2
join doc/readme doc/readme; comm doc/readme doc/void
find src -name '*.c' -delete; find src -type f | wc -l
tar cf - src doc | tar tf - | sort | head -n 3
seq 1 1000 | split -l 300 - part.; wc -l part.* | tail -n 1; cat part.* | md5sum
