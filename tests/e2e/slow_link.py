"""A distant server: a TCP proxy on the loopback that delays what goes through it."""

import asyncio
import threading


class SlowLink:
    """Delays connections to `port` of the loopback, and all bytes in each direction, by `seconds`. A context manager."""

    def __init__(self, port, seconds):
        self._target = port
        self._seconds = seconds
        self._loop = asyncio.new_event_loop()
        self._server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = self._server.sockets[0].getsockname()[1]
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self):
        self._server.close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader, writer):
        await asyncio.sleep(self._seconds)
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._target)
        await asyncio.gather(self._pump(reader, there_writer), self._pump(there_reader, writer))

    async def _pump(self, reader, writer):
        late = asyncio.Queue()

        async def write():
            while True:
                due, block = await late.get()
                await asyncio.sleep(max(0, due - self._loop.time()))
                if not block:
                    return writer.close()
                writer.write(block)
                await writer.drain()

        writing = asyncio.ensure_future(write())
        while True:
            block = await reader.read(65536)
            late.put_nowait((self._loop.time() + self._seconds, block))
            if not block:
                return await writing
