import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** Entry of a process: a connection to a server on this machine, as slow as one to another. */
const [serverPort = "", latencyMs = ""] = process.argv.slice(2);

/** Forwards data after a delay, in order, at full throughput. */
function delayed(from: Socket, to: Socket): void {
  from.on("data", (bytes) => {
    setTimeout(() => to.write(bytes), Number(latencyMs));
  });
  from.on("end", () => setTimeout(() => to.end(), Number(latencyMs)));
  from.on("error", () => to.destroy());
  from.on("close", () => setTimeout(() => to.destroy(), 2 * Number(latencyMs)));
}

const server = createServer({ noDelay: true }, (client) => {
  const store = connect({ port: Number(serverPort), host: "127.0.0.1", noDelay: true });
  client.on("data", (bytes) => store.write(bytes));
  client.on("end", () => store.end());
  client.on("error", () => store.destroy());
  client.on("close", () => store.destroy());
  delayed(store, client);
});
server.listen(0, "127.0.0.1", () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
});
