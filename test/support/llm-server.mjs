// Server with the protocol of OpenAI, in a process of its own. It answers, lies, hangs, limits and exits, as
// its prompts and settings ask. Each request and each sent answer is a line in the file of `LOG`.
//
//   PORT          port, 0 for any. The address is printed.
//   DELAY_MS      time of each answer
//   MOST_AT_ONCE  more concurrent requests get a 429
//   ANSWERS       answers after which it stops answering, but still takes requests
//   KEY           required key

import { createHash } from "node:crypto";
import { appendFileSync } from "node:fs";
import { createServer } from "node:http";

const {
  PORT = "0",
  LOG,
  DELAY_MS = "0",
  MOST_AT_ONCE = "1000000",
  ANSWERS = "1000000000",
  KEY,
} = process.env;
const seen = new Map();
let atOnce = 0;
let most = 0;
let answers = 0;

function change(by) {
  atOnce += by;
  most = Math.max(most, atOnce);
}

const server = createServer((request, response) => {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    if (request.url === "/load") return response.end(JSON.stringify({ most }));
    if (request.url === "/v1/models") return list(request, response);
    serve(request, Buffer.concat(chunks).toString(), response);
  });
});

function list(request, response) {
  if (KEY !== undefined && request.headers.authorization !== `Bearer ${KEY}`)
    return reply(response, 401, { error: { message: "no such key" } });
  reply(response, 200, { object: "list", data: [{ id: "m-1", object: "model" }] });
}

function serve(request, text, response) {
  const key = createHash("sha256").update(text).digest("hex");
  const count = (seen.get(key) ?? 0) + 1;
  seen.set(key, count);
  const body = JSON.parse(text);
  const prompt = body.messages.at(-1).content;
  change(1);
  const isOver = atOnce > Number(MOST_AT_ONCE);
  response.on("close", () => change(-1));
  if (isOver)
    return reply(response, 429, { error: { message: "too many requests" } }, { "retry-after": "0.2" });
  write({ key, prompt, kind: "request", who: request.headers["x-who"] });
  setTimeout(() => {
    if (answers >= Number(ANSWERS)) return;
    if (KEY !== undefined && request.headers.authorization !== `Bearer ${KEY}`)
      return reply(response, 401, { error: { message: `no such key: ${request.headers.authorization}` } });
    answers += 1;
    write({ key, prompt, kind: "answer" });
    answer({ prompt, count, response, headers: request.headers });
  }, Number(DELAY_MS));
}

function answer({ prompt, count, response, headers }) {
  const [, lie] = /LIE:(\w+)/.exec(prompt) ?? [];
  const isFirst = count === 1;
  const good = () => complete(response, JSON.stringify({ mood: "good", score: prompt.length }));
  if (lie === "html") return response.end("<html>a proxy</html>");
  if (lie === "text") return complete(response, "Sure! Here is your JSON.");
  if (lie === "schema") return complete(response, JSON.stringify({ mood: "great", score: 1 }));
  if (lie === "once") return isFirst ? complete(response, "{") : good();
  if (lie === "bad") return reply(response, 400, { error: { message: "the prompt is too long" } });
  if (lie === "broken" && isFirst) return response.destroy();
  if (lie === "cut" && isFirst) {
    response.writeHead(200, { "content-length": 1000 });
    return response.write('{"choices": [', () => response.destroy());
  }
  if (lie === "hang" && isFirst) return;
  if (lie === "fail" && isFirst) return reply(response, 503, { error: { message: "loading the model" } });
  if (lie === "echo")
    return reply(response, 400, { error: { message: `you sent ${headers.authorization}` } });
  return good();
}

function complete(response, content) {
  const message = { role: "assistant", content };
  reply(response, 200, {
    choices: [{ index: 0, message, finish_reason: "stop" }],
    usage: { total_tokens: 10 },
  });
}

function reply(response, status, value, headers = {}) {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify(value));
}

function write(line) {
  if (LOG !== undefined) appendFileSync(LOG, `${JSON.stringify(line)}\n`);
}

server.keepAliveTimeout = 60_000;
server.listen(Number(PORT), "127.0.0.1", () => {
  process.stdout.write(`http://127.0.0.1:${server.address().port}\n`);
});
