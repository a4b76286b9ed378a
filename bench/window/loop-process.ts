import { InferenceSession, Tensor } from "onnxruntime-node";
import { type AsyncMessage, Connection } from "rabbitmq-client";

/** Entry of a plain loop without Shardmill: gathers, runs the model, sends results, acknowledges. */
const [server = "", queue = "", results = "", model = "", rowsText = "", msText = ""] = process.argv.slice(2);
const [rows, ms] = [Number(rowsText), Number(msText)];

const session = await InferenceSession.create(model);
const connection = new Connection(server);
const channel = await connection.acquire();
const publisher = connection.createPublisher({ confirm: true });
let gathered: AsyncMessage[] = [];
let timer: NodeJS.Timeout | undefined;
let working: Promise<void> = Promise.resolve();

function close(): void {
  clearTimeout(timer);
  const window = gathered;
  gathered = [];
  working = working.then(() => run(window));
}

async function run(window: readonly AsyncMessage[]): Promise<void> {
  if (window.length === 0) return;
  const messages = window.map(
    ({ body }) => JSON.parse(Buffer.from(body as Buffer).toString()) as { id: number; x: number[] },
  );
  const data = Float32Array.from(messages.flatMap(({ x }) => x));
  const { logits } = await session.run({ input: new Tensor("float32", data, [messages.length, 4]) });
  if (logits === undefined) throw new Error("the model has logits");
  const values = logits.data as Float32Array;
  const width = values.length / messages.length;
  const made = messages.map(({ id }, row) => {
    const own = values.subarray(row * width, (row + 1) * width);
    return Buffer.from(JSON.stringify({ id, best: own.indexOf(Math.max(...own)) }));
  });
  await Promise.all(made.map((body) => publisher.send({ routingKey: results, durable: true }, body)));
  for (const { deliveryTag } of window) channel.basicAck({ deliveryTag });
}

await channel.basicQos({ prefetchCount: rows * 3 });
await channel.basicConsume({ queue }, (message) => {
  if (gathered.push(message) === 1) timer = setTimeout(close, ms);
  if (gathered.length >= rows) close();
});
console.log("ready");
