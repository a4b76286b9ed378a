import { describe, expect, it } from "vitest";
import { parseKafka } from "../../../extensions/kafka/address.ts";

describe("parseKafka", () => {
  it("an address has brokers, topic, options and credentials, and is shown without secrets", () => {
    const text = "kafka://me:a%40b@b1,b2:9094/reviews?group=scoring&tls=true&sasl=scram-sha-512";
    expect(parseKafka(text)).toEqual({
      brokers: ["b1:9092", "b2:9094"],
      topic: "reviews",
      credentials: "me:a%40b",
      options: new Map([
        ["group", "scoring"],
        ["tls", "true"],
        ["sasl", "scram-sha-512"],
      ]),
      shown: "kafka://b1,b2:9094/reviews",
    });
  });

  it("an invalid or unsupported address is rejected", () => {
    const bad = [
      "kafka://b1/reviews?grup=a",
      "kafka://b1/reviews?sasl=plain",
      "kafka://b1/reviews?cacertfile=/ca.pem",
      "kafka://b1/reviews?tls=true&cacertfile=ca.pem",
      "kafka://b1/reviews?tls=true&keyfile=/k.pem",
      "kafka://b1/reviews?sasl=gssapi",
      "kafka://b1/reviews?tls=yes",
      "kafka://b1/reviews?group=a%20b",
      "kafka://me:%zz@b1/reviews",
      "kafka://b1/re views",
      "kafka://b1",
      "kafka://b1/",
      "redis://b1/reviews",
    ];
    for (const text of bad) expect(parseKafka(text)).toBeNull();
  });
});
