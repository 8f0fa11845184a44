#!/bin/bash
# laplace: same refused=ioctl
# Comparing ages of files, as make and scripts do; -ef; touch with references and dates.
cmpage() { [ "$1" -nt "$2" ] && echo "$1 newer than $2"; [ "$1" -ot "$2" ] && echo "$1 older than $2"; [ "$1" -ef "$2" ] && echo "$1 is $2"; :; }
echo 1 >a; sleep 0.05; echo 2 >b
cmpage a b
sleep 0.05; echo 3 >>a
cmpage a b
sleep 0.05; touch b
cmpage a b
touch -r a c; cmpage a c; [ ! a -nt c ] && [ ! a -ot c ] && echo "same age"
touch -d 2001-02-03T04:05:06Z old; touch -d 2030-01-01 future
cmpage old a; cmpage future a
[ a -nt missing ] && echo "anything is newer than nothing"
[ missing -ot a ] && echo "nothing is older than anything"
[ missing -nt missing ] || echo "nothing is not newer than nothing"
ln a hard; ln -s a soft; cmpage a hard; cmpage a soft
cp -p old copied; cmpage old copied; [ ! old -nt copied ] && [ ! old -ot copied ] && echo "kept"
sleep 0.05; cp old fresh; [ fresh -nt b ] && echo "copy is new"
mkdir dir; sleep 0.05; : >marker; sleep 0.05; : >dir/entry
[ dir -nt marker ] && echo "a directory is as new as its last entry"
sleep 0.05; : >marker; sleep 0.05; echo more >dir/entry
[ dir -ot marker ] && [ dir/entry -nt marker ] && echo "writing an entry leaves it alone"
mv a moved; cmpage b moved
find . -newer b -name 'f*' | sort
find . ! -newer old -type f | sort
date -u -r old +%F
sleep 0.05; chmod 600 old; date -u -r old +%T
