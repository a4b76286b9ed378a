import { expect, it } from "vitest";
import { parseSqs } from "../../../extensions/sqs/address.ts";

it("an SQS address is the URL of a queue that ends with its name", () => {
  const url = "https://sqs.eu-central-1.amazonaws.com/123456789012/reviews.fifo";
  expect(parseSqs(url)).toEqual({ url, queue: "reviews.fifo", shown: url });
});

it.each(["https://sqs/queue", "https://u:p@h/1/q", "https://h/1/q?x=1", "amqp://h/1/q", "https:// /1/q"])(
  "an address of another form is rejected: %s",
  (text) => {
    expect(parseSqs(text)).toBeNull();
  },
);
