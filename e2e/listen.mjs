// A server of a test's own, on a free port of this machine.

import http from 'node:http';

// listen starts it: port is where, stop() ends it and every connection to it.
export async function listen(handler) {
  const server = http.createServer(handler);
  await new Promise(resolve => { server.listen(0, '127.0.0.1', resolve); });
  return {
    port: server.address().port,
    stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}
