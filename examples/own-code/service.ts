import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** Words of the service, which has none for zero. */
const WORDS = [undefined, "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
/** Interval of failing calls, which callers must retry. */
const FAILS_EVERY = 7;

interface WordService extends AsyncDisposable {
  readonly url: string;
  /** Numbers of calls and failures. */
  readonly calls: { requested: number; failed: number };
}

/** Starts a service on this machine that returns digits as words, and sometimes fails. */
export async function startWordService(): Promise<WordService> {
  const calls = { requested: 0, failed: 0 };
  const server = createServer((request, response) => {
    calls.requested += 1;
    if (calls.requested % FAILS_EVERY === 0) {
      calls.failed += 1;
      response.writeHead(503).end();
      return;
    }
    const word = WORDS[Number(request.url?.slice(1))];
    response.writeHead(word === undefined ? 404 : 200).end(word);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    calls,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
