import { type AddressInfo, connect, createServer } from "node:net";

/** Another address of a server on this machine, which counts the bytes of all answers. */
export interface CountedWay extends AsyncDisposable {
  readonly endpoint: string;
  /** Returns the bytes since the last call, with the headers of the answers. */
  takeBytes(): number;
}

export async function openCountedWay(endpoint: string): Promise<CountedWay> {
  const port = Number(new URL(endpoint).port);
  let bytes = 0;
  const server = createServer({ noDelay: true }, (client) => {
    const store = connect({ port, host: "127.0.0.1", noDelay: true });
    store.on("data", (chunk) => {
      bytes += chunk.length;
    });
    client.pipe(store).pipe(client);
    client.on("error", () => store.destroy());
    store.on("error", () => client.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    takeBytes() {
      const taken = bytes;
      bytes = 0;
      return taken;
    },
    async [Symbol.asyncDispose]() {
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
