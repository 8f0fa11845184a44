#!/bin/sh
# laplace: pinned refused=*
# redis-server and redis-cli over the loopback interface: commands, a script, a pipeline, publish and subscribe, two clients at once, a save.
port=$((20000 + $$ % 10000))
redis-server --port $port --bind 127.0.0.1 --daemonize no --save '' --appendonly no --dir . >log 2>&1 &
server=$!
cli="redis-cli -h 127.0.0.1 -p $port"
until $cli ping >/dev/null 2>&1; do sleep 0.1; done
$cli ping
$cli set key value
$cli get key
for i in 1 2 3 4 5; do $cli rpush list "item $i"; done
$cli lrange list 0 -1
$cli eval 'local n = 0; for i = 1, ARGV[1] do n = n + i end; return {n, redis.call("get", KEYS[1])}' 1 key 1000
i=0
while [ $i -lt 500 ]; do
	echo "SET n$i $i"
	echo "INCR count"
	i=$((i + 1))
done | $cli --pipe
$cli get count
$cli dbsize
$cli incrbyfloat pi 3.14
$cli hset h a 1 b 2 c 3
$cli hgetall h
(for n in 1 2 3 4; do $cli incr shared >/dev/null; done) &
other=$!
for n in 1 2 3 4; do $cli incr shared >/dev/null; done
wait $other
$cli get shared
$cli expire key 100
$cli ttl key
$cli blpop list 1
$cli blpop nothing 1
$cli randomkey | grep -c .
$cli save
$cli shutdown nosave
wait $server
echo "server: $?"
ls dump.rdb
