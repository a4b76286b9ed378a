// Creates the queues of digits.yaml and sends digits to it, one per message:
//   node examples/queues/send.mjs [COUNT] [ADDRESS]
import { DuckDBInstance } from "@duckdb/node-api";
import { Connection } from "rabbitmq-client";

const [count = "1000", address = "amqp://guest:guest@127.0.0.1:5672/%2F"] = process.argv.slice(2);
const data = new URL("../digits/data/*.parquet", import.meta.url).pathname;
const database = await (await DuckDBInstance.create()).connect();
const read = await database.runAndReadAll(
  `SELECT json_object('id', id, 'label', label, 'pixels', pixels::INT[])::VARCHAR FROM '${data}' LIMIT ${Number(count)}`,
);

const rabbit = new Connection(address);
// With `confirm`, `send` resolves once the message is on the broker's disk.
const publisher = rabbit.createPublisher({
  confirm: true,
  queues: ["digits", "digits.dead-letters", "digits.results"].map((queue) => ({
    queue,
    durable: true,
    arguments: { "x-queue-type": "quorum" },
  })),
});
const messages = read.getRows().map(([json]) => Buffer.from(String(json)));
await Promise.all(messages.map((body) => publisher.send({ routingKey: "digits", durable: true }, body)));
console.log(`${messages.length} digits sent`);
await publisher.close();
await rabbit.close();
