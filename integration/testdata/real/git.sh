#!/bin/bash
# laplace: pinned
# git: init, add, commit, merge, log, status, stash, tag, gc and clone of a local repository. The ids of commits with
# given dates are those of every machine; the index and the reflogs hold what is pinned.
set -e
export GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@example.com GIT_COMMITTER_NAME=C GIT_COMMITTER_EMAIL=c@example.com
export GIT_AUTHOR_DATE=2001-02-03T04:05:06Z GIT_COMMITTER_DATE=2001-02-03T04:05:06Z
export GIT_CONFIG_NOSYSTEM=1 GIT_PAGER=cat
want() { # name, id
	[ "$(git rev-parse "$1")" = "$2" ] || { echo "FAIL $1 is $(git rev-parse "$1"), want $2"; exit 1; }
}

git init -q -b main repo
cd repo
git config gc.auto 0
# One thread each: threads are refused, and git insists.
git config pack.threads 1
git config grep.threads 1
seq 1 100 >file
mkdir sub; echo sub >sub/a
ln -s file link
echo '#!/bin/sh' >run; chmod +x run
git add .
git status --short
git commit -q -m first
want HEAD b1759f14fd94ac20b5cae248bd39e3904f69c16c
git checkout -q -b topic
sed -i 50s/.*/fifty/ file
git commit -q -a -m topic
git checkout -q main
echo more >>sub/a
git mv run execute
git commit -q -a -m second
git merge -q -m merge topic
want HEAD 429fcc6ad0e8982f971cf71106582b0b41420b7e
git tag -a -m tagged v1
want v1 75b99f040632ee2b83f583e52b9fc3d2f1923d35

git log --oneline --graph; git show --stat HEAD~1; git diff HEAD~1 HEAD
git blame -s file | sed -n 50p; git describe; git ls-files -s; git grep -n fifty
git log --format='%h %an %ad %s' --date=iso; git shortlog -s HEAD
git archive --format=tar HEAD | sha256sum
git rev-list --all --objects | wc -l
git branch -q -d topic
echo dirty >>file
git stash -q; git status --short; git stash pop -q; git status --short
git checkout -q -- file
git rm -q --cached link; git status --short; git reset -q --hard; git status --short
git fsck
git gc -q
git count-objects -v
git repack -q -a -d -f
git verify-pack -v .git/objects/pack/*.idx | tail -n 3
git bundle create -q ../b.bundle main

cd ..
git clone -q repo copy
cmp copy/file repo/file
git -C copy log --oneline | head -n 1; git -C copy status --short
git clone -q --bare repo bare.git; git -C bare.git log --oneline | wc -l
git -C bare.git rev-parse HEAD; git -C copy rev-parse HEAD
rm -rf bare.git

# With the clock's dates: one id in boxes.
cd repo
unset GIT_AUTHOR_DATE GIT_COMMITTER_DATE
echo now >now
git add now
git commit -q -m now
git log -1 --format='%H %ad'
git format-patch -1 --stdout | head -n 4
git rebase -q HEAD~1
git reflog
