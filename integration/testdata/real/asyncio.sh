#!/usr/bin/python3
# laplace: pinned refused=*
# asyncio: streams over TCP and Unix sockets, datagrams, subprocesses, signals, timeouts, threads; what comes first is the same every time.
import asyncio, os, random, signal, socket, sys, time


async def echo(reader, writer):
    while line := await reader.readline():
        await asyncio.sleep(random.random() / 100)
        writer.write(line.upper())
        await writer.drain()
    writer.close()


async def client(n, connect, out):
    reader, writer = await connect()
    for i in range(5):
        writer.write(b"client %d line %d\n" % (n, i))
        out.append((await reader.readline()).decode().strip())
    writer.close()
    await writer.wait_closed()


class Datagrams(asyncio.DatagramProtocol):
    def __init__(self, got):
        self.got = got

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        self.got.append(data)
        if data.startswith(b"ask"):
            self.transport.sendto(b"answer" + data[3:], addr)


async def main():
    for start, connect in (
        (lambda: asyncio.start_server(echo, "127.0.0.1", 0), lambda s: asyncio.open_connection(*s.sockets[0].getsockname())),
        (lambda: asyncio.start_unix_server(echo, "sock"), lambda s: asyncio.open_unix_connection("sock")),
    ):
        server, out = await start(), []
        await asyncio.gather(*(client(n, lambda: connect(server), out) for n in range(6)))
        print(out)
        server.close()
        await server.wait_closed()

    loop, got = asyncio.get_running_loop(), []
    a, _ = await loop.create_datagram_endpoint(lambda: Datagrams(got), local_addr=("127.0.0.1", 0))
    b, _ = await loop.create_datagram_endpoint(lambda: Datagrams(got), remote_addr=a.get_extra_info("sockname"))
    for i in range(3):
        b.sendto(b"ask %d" % i)
    await asyncio.sleep(0.1)
    print(got)
    a.close()
    b.close()

    p = await asyncio.create_subprocess_exec("sort", "-r", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
    print(await p.communicate(b"a\nc\nb\n"), p.returncode)
    p = await asyncio.create_subprocess_exec("sleep", "100")
    p.send_signal(signal.SIGTERM)
    print(await p.wait())
    loop.add_signal_handler(signal.SIGUSR1, lambda: print("a signal"))
    os.kill(os.getpid(), signal.SIGUSR1)
    await asyncio.sleep(0.01)
    try:
        await asyncio.wait_for(asyncio.sleep(1000), 5)
    except asyncio.TimeoutError:
        print("in vain for 5 seconds")
    print(await asyncio.gather(*(asyncio.to_thread(lambda i=i: (time.sleep(random.random()), i)[1]) for i in range(5))))
    print(time.time(), loop.time(), random.random())


sys.stdout.reconfigure(line_buffering=True)
asyncio.run(main())
