#!/bin/bash
# laplace: pinned refused=pkey_alloc
# Tools with threads or random numbers of their own: git packs, OpenSSL keys, SQLite, a Node.js project's tests, a bash script that waits for any job.
export HOME=$PWD GIT_CONFIG_GLOBAL=$PWD/gitconfig
git config --global user.email a@example.com && git config --global user.name A && git config --global init.defaultBranch main
git init -q repo && cd repo || exit
for i in 1 2 3 4 5 6; do
	seq $i 3000 >a$i && seq 1 $i 9000 >b$i && git add . && git commit -qm "commit $i"
done
git -c pack.threads=4 repack -adfq && git gc -q && git fsck --no-progress && git count-objects -v | grep -v size
git rev-parse HEAD && sha256sum .git/objects/pack/*.pack | cut -c1-64
cd .. || exit
openssl genrsa 1024 2>/dev/null | sha256sum
sqlite3 a.db 'create table t(a, b); with recursive n(i) as (select 1 union all select i+1 from n where i<5000) insert into t select i, random() from n; select count(*), sum(b % 1000), datetime() from t;'
mkdir project && cd project || exit
echo '{"name": "project", "version": "1.0.0", "scripts": {"test": "node --test"}}' >package.json
mkdir test && cat >test/all.test.js <<'end'
const test = require('node:test'), assert = require('node:assert');
test('waits', async () => { await new Promise(done => setTimeout(done, 30)); });
test('beside', { concurrency: true }, async t => {
	await Promise.all([0, 1, 2, 3, 4].map(i => t.test('n' + i, async () => { await new Promise(done => setTimeout(done, Math.random() * 20)); assert.ok(true); })));
});
end
node --test 2>&1 | grep -E '^# (tests|pass|fail)' 
cd .. || exit
for i in 3 1 2; do (sleep 0.$i; exit $i) & done
for i in 1 2 3; do bash -c ':'; wait -n 2>/dev/null || echo "ended $?"; done
wait
