import { expect, it } from "vitest";
import { parseKafka } from "../../../extensions/kafka/address.ts";
import { connectionOf } from "../../../extensions/kafka/connection.ts";
import { present } from "../../../shared/core/assert.ts";

it("TLS sends the broker's host name unless it is an IP address, and a password keeps its colons", () => {
  const parsed = (text: string) => present(parseKafka(text), "an address of Kafka");
  const named = connectionOf(parsed("kafka://me:a%3Ab:c@b1,b2:9094/t?tls=true&sasl=scram-sha-256"));
  expect(named.tlsServerName).toBe(true);
  expect(named.sasl).toEqual({ mechanism: "SCRAM-SHA-256", username: "me", password: "a:b:c" });
  expect(connectionOf(parsed("kafka://127.0.0.1:9094/t?tls=true")).tlsServerName).toBe(false);
});
