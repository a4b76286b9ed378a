import { defineStep, fail } from "shardmill";
import { Rate, retry } from "./retry.ts";

/** Word of a service for the digit that the model recognized. */
export default defineStep({
  reads: { digit: "int32" },
  columns: { word: "string" },
  concurrency: 8,
  timeoutSeconds: 20,
  open() {
    const url = process.env.WORDS_URL;
    if (url === undefined) throw new Error("WORDS_URL says where the service is");
    return { url, rate: new Rate(500) };
  },
  async row({ digit }, { state: { url, rate }, signal }) {
    const answer = await retry(async () => {
      await rate.turn(signal);
      const response = await fetch(`${url}/${digit}`, { signal });
      if (response.status >= 500) throw new Error(`the service answers ${response.status}`);
      return response;
    }, signal);
    if (answer.status === 404) fail(`no word for ${digit}`);
    return { word: await answer.text() };
  },
});
