import { expect, it } from "vitest";
import { parseAmqp } from "../../../extensions/amqp/address.ts";

it("an AMQP address has server, virtual host, queue and options, and is shown without credentials", () => {
  expect(parseAmqp("amqps://u:p%2Fw@h/%2F/my%20queue?heartbeat=30")).toEqual({
    server: "amqps://u:p%2Fw@h/%2F?heartbeat=30",
    isEncrypted: true,
    host: "h",
    queue: "my queue",
    options: new Map([["heartbeat", "30"]]),
    shown: "amqps://h/%2F/my%20queue",
  });
});

it.each([
  "amqp://h/queue",
  "amqps://h/v/q?verify=verify_none",
  "amqps://h/v/q?cacertfile=ca.pem",
  "amqps://h/v/q?certfile=/c.pem",
  "amqps://h/v/q?cacert=/ca.pem",
  "amqp://h/v/q?cacertfile=/ca.pem",
  "https://h/v/q",
  "redis://h/q",
])("an invalid or unsupported AMQP address is rejected: %s", (text) => {
  expect(parseAmqp(text)).toBeNull();
});
