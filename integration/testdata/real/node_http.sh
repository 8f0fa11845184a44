#!/bin/sh
# laplace: pinned refused=*
# Node.js: a server and clients by HTTP, a child process, timers, workers, streams, random numbers.
cat >http.js <<'end'
const http = require('http');
const s = http.createServer((q, r) => {
	let size = 0;
	q.on('data', d => { size += d.length; });
	q.on('end', () => r.end(q.method + ' ' + q.url + ' ' + size));
});
s.listen(0, '127.0.0.1', () => {
	let left = 8;
	for (let i = 0; i < 8; i++) {
		const q = http.request({port: s.address().port, path: '/' + i, method: 'POST'}, r => {
			let body = '';
			r.on('data', d => { body += d; });
			r.on('end', () => {
				console.log(r.statusCode, body);
				if (--left == 0) s.close();
			});
		});
		q.end('x'.repeat(50000 * i));
	}
});
end
cat >misc.js <<'end'
const { execFile, fork, spawn } = require('child_process');
const { Worker, isMainThread, parentPort } = require('worker_threads');
const net = require('net'), fs = require('fs');
if (!isMainThread) {
	parentPort.once('message', n => parentPort.postMessage(n * 2));
} else if (process.argv[2] == 'child') {
	process.on('message', m => { process.send({got: m}); process.disconnect(); });
} else {
	console.log(Date.now(), Math.random(), require('crypto').randomBytes(8).toString('hex'), process.pid);
	setTimeout(() => console.log('after a second'), 1000);
	setImmediate(() => console.log('soon'));
	execFile('sh', ['-c', 'echo out; echo err >&2; exit 3'], (e, out, err) => console.log(e.code, out.trim(), err.trim()));
	const c = fork(__filename, ['child']);
	c.on('message', m => console.log('from the child', m));
	c.on('exit', code => console.log('child', code));
	c.send({a: 1});
	const cat = spawn('cat');
	let n = 0;
	cat.stdout.on('data', d => { n += d.length; });
	cat.on('close', code => console.log('cat', code, n));
	cat.stdin.end('y'.repeat(200000));
	const w = new Worker(__filename);
	w.on('message', m => console.log('from the worker', m));
	w.postMessage(21);
	const s = net.createServer(x => x.pipe(x));
	s.listen('sock', () => {
		const k = net.connect('sock', () => k.end('through a path'));
		k.on('data', d => console.log(String(d)));
		k.on('close', () => s.close());
	});
	fs.readFile(__filename, (e, b) => console.log(b.length > 100));
}
end
node http.js
node misc.js
node -e 'require("child_process").exec("echo hi", (e, o) => console.log(e, o))'
