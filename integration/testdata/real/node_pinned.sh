#!/bin/sh
# laplace: pinned refused=pkey_alloc
# node: timers, promises, workers, files, and what is random or a matter of time.
cat >main.js <<'end'
const { Worker } = require('worker_threads');
const crypto = require('crypto'), fs = require('fs'), zlib = require('zlib'), os = require('os');
const said = [];
const say = (...words) => said.push(words.join(' '));
const worker = n => new Promise(done => {
	const w = new Worker(`
		const { parentPort, workerData } = require('worker_threads');
		let sum = 0;
		for (let i = 0; i < 100000; i++) sum = (sum * 31 + i + workerData) % 1000003;
		setTimeout(() => parentPort.postMessage([workerData, sum, Math.random()]), workerData % 3);
	`, { eval: true, workerData: n });
	w.on('message', m => say('worker', ...m));
	w.on('exit', done);
});
setTimeout(() => say('timer', 20), 20);
setTimeout(() => say('timer', 10), 10);
setImmediate(() => say('immediate'));
process.nextTick(() => say('tick'));
(async () => {
	const start = Date.now();
	await Promise.all([1, 2, 3, 4].map(worker));
	await new Promise(done => setTimeout(done, 50));
	say('50 ms', Date.now() - start >= 50);
	say(crypto.randomUUID(), Math.random(), process.pid, Date.now(), performance.now() > 0);
	const text = JSON.stringify(said.map((s, i) => ({ s, i })));
	await Promise.all([0, 1, 2, 3].map(i => fs.promises.writeFile('f' + i, text + i)));
	for (const f of (await fs.promises.readdir('.')).sort()) say(f, (await fs.promises.stat(f)).size);
	say(zlib.gzipSync(text).length, crypto.createHash('sha256').update(text).digest('hex'), os.cpus().length);
	console.log(said.join('\n'));
})();
end
node main.js
